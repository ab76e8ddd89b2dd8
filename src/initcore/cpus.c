#define _GNU_SOURCE
#include "initcore/cpus.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LONGEST_PATH = 4096 };

/* quota / period, rounded up; 0 if the quota is none. */
static int cpus_of(long long quota, long long period) {
    if (quota <= 0 || period <= 0) {
        return 0;
    }
    const long long cpus = (quota + period - 1) / period;
    return cpus < 1 << 20 ? (int)cpus : 1 << 20;
}

static long long number_in(const char *folder, const char *file) {
    char path[LONGEST_PATH + 64];
    long long found = -1;
    snprintf(path, sizeof path, "%s/%s", folder, file);
    FILE *const stream = fopen(path, "r");
    if (stream != NULL) {
        if (fscanf(stream, "%lld", &found) != 1) {
            found = -1;
        }
        fclose(stream);
    }
    return found;
}

/* The limit that one group's own files set: those of version 2, or those of version 1. */
static int limit_of_group(const char *folder) {
    char path[LONGEST_PATH + 64];
    snprintf(path, sizeof path, "%s/cpu.max", folder);
    FILE *const stream = fopen(path, "r");
    if (stream == NULL) {
        return cpus_of(number_in(folder, "cpu.cfs_quota_us"),
                       number_in(folder, "cpu.cfs_period_us"));
    }
    long long quota, period;
    const int found = fscanf(stream, "%lld %lld", &quota, &period); /* or "max 100000" */
    fclose(stream);
    return found == 2 ? cpus_of(quota, period) : 0;
}

/* The least limit of a group and of those that it lies in, up to the root of its hierarchy. In a
 * container the group's own path may not be there: its root is. */
static int limit_up_to(const char *root, const char *group) {
    char folder[LONGEST_PATH];
    const int length = snprintf(folder, sizeof folder, "%s%s", root, group);
    if (length < 0 || (size_t)length >= sizeof folder) {
        return 0;
    }
    int least = 0;
    for (;;) {
        const int limit = limit_of_group(folder);
        if (limit > 0 && (least == 0 || limit < least)) {
            least = limit;
        }
        char *const cut = strrchr(folder, '/');
        if (cut == NULL || (size_t)(cut - folder) < strlen(root)) {
            return least;
        }
        *cut = '\0';
    }
}

/* Whether "cpu" is in a list such as "cpu,cpuacct". */
static int has_cpu(const char *controllers) {
    for (const char *at = controllers; (at = strstr(at, "cpu")) != NULL; at += 3) {
        if ((at == controllers || at[-1] == ',') && (at[3] == '\0' || at[3] == ',')) {
            return 1;
        }
    }
    return 0;
}

int ic_cpus_of_groups(const char *membership, const char *root) {
    FILE *const stream = fopen(membership, "r");
    if (stream == NULL) {
        return 0;
    }
    /* lines "number:controllers:/path"; without controllers it is the group of version 2 */
    char line[LONGEST_PATH];
    int least = 0;
    while (fgets(line, sizeof line, stream) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        char *const controllers = strchr(line, ':');
        char *const path = controllers == NULL ? NULL : strchr(controllers + 1, ':');
        if (path == NULL) {
            continue;
        }
        *path = '\0';
        char hierarchy[LONGEST_PATH];
        if (controllers[1] == '\0') {
            snprintf(hierarchy, sizeof hierarchy, "%s", root);
        } else if (has_cpu(controllers + 1)) {
            snprintf(hierarchy, sizeof hierarchy, "%s/%s", root, controllers + 1);
        } else {
            continue;
        }
        const int limit = limit_up_to(hierarchy, path + 1);
        if (limit > 0 && (least == 0 || limit < least)) {
            least = limit;
        }
    }
    fclose(stream);
    return least;
}

static int cpus_by_affinity(void) {
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        return CPU_COUNT(&set);
    }
#endif
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int)online : 1;
}

int ic_cpus_usable(void) {
    const int allowed = cpus_by_affinity();
    const int limit = ic_cpus_of_groups("/proc/self/cgroup", "/sys/fs/cgroup");
    return limit > 0 && limit < allowed ? limit : allowed;
}
