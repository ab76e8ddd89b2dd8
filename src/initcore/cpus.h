/* How many CPUs this process may use. */
#ifndef INITCORE_CPUS_H
#define INITCORE_CPUS_H

/* Those that its affinity allows, or fewer if a control group limits its time on them; at least 1.
 */
int ic_cpus_usable(void);

/* The limit of control groups, rounded up; 0 if there is none. `membership` is a file in the form
 * of /proc/self/cgroup, `root` where the hierarchies are mounted, as at /sys/fs/cgroup. */
int ic_cpus_of_groups(const char *membership, const char *root);

#endif
