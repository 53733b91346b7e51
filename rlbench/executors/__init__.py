"""Executors: training of prepared groups in this process or in one subprocess per group, each in an attempt folder."""
