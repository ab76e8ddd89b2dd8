# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: autotestdict=False, embedsignature=True, embedsignature.format=python
"""The kernels: stream fills, dense forward and backward, losses and optimizer steps.

Functions here take NumPy arrays and write them in place or into ``out=``. They release the
interpreter lock, run on the pool of :func:`initcore.set_num_threads`, and give the same bytes
for every instruction set and number of threads. A fill that is interrupted (Ctrl-C) leaves the
elements written by then, the others as they were.
"""
import os

import numpy as np

from initcore import _checks

cimport numpy as cnp
from native cimport *

cnp.import_array()

include "bindings/runtime.pxi"
include "bindings/arrays.pxi"
include "bindings/fill.pxi"
include "bindings/kinds.pxi"
include "bindings/fill_many.pxi"
include "bindings/operands.pxi"
include "bindings/activation.pxi"
include "bindings/dense.pxi"
include "bindings/loss.pxi"
include "bindings/optimizer.pxi"
include "bindings/layer.pxi"
include "bindings/plan.pxi"
include "bindings/orthogonal.pxi"
include "bindings/cimport.pxi"
