"""Ways to run prepared groups: in this process, or with one subprocess per group. Each group has its attempt folder."""
