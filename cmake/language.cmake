# What every C file of the project is compiled as.
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_EXTENSIONS ON) # vector types and inline assembly as GCC and Clang spell them
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
set(CMAKE_C_FLAGS_RELEASE "-O3 -DNDEBUG")
