"""What a result folder contains, read anew for each call: tests change folders between two looks."""

from rlbench.analysis import Results
from rlbench.reports.page import as_html, results_page, write_page


def run_table(store, anchors=None):
    return Results(store, anchors).table


def read_scores(store, anchors=None):
    return Results(store, anchors).final_scores


def render(store, plugins=None):
    return as_html(results_page(Results(store), plugins))


def write_report(store, path, plugins=None):
    return write_page(results_page(Results(store), plugins, path.parent), path)
