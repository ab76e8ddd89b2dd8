"""Files of the user: how one is replaced, and whether two paths name the same one."""
