"""Documents in LaTeX, set by a real TeX where there is one."""

import shutil
import subprocess

import pytest

TEX = shutil.which("pdflatex") or shutil.which("tectonic")
needs_tex = pytest.mark.skipif(TEX is None, reason="neither pdflatex nor tectonic is installed: no table can be set")


def complaints(folder, body, options):
    """What TeX says of a document that it could not set well: errors, and boxes that stick out."""
    document = rf"\documentclass[{options}]{{article}}\usepackage[utf8]{{inputenc}}\usepackage{{booktabs}}"
    (folder / "paper.tex").write_text(f"{document}\n\\begin{{document}}\n{body}\n\\end{{document}}\n")
    if TEX.endswith("tectonic"):
        command = [TEX, "--keep-logs", "--only-cached", "paper.tex"]
    else:
        command = [TEX, "-interaction=nonstopmode", "paper.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=120)
    log = (folder / "paper.log").read_text(errors="replace")
    lines = log.splitlines()
    bad = [line for line in lines if line.startswith(("!", "Overfull")) or "Float too large" in line]
    return bad + ([done.stdout[-500:]] if done.returncode and not bad else [])


def widths_in_points(folder, texts, size):
    """How wide TeX sets each text, at this size."""
    measure = "".join(
        rf"\settowidth{{\wide}}{{\fontsize{{{size}}}{{10}}\selectfont {text}}}\typeout{{WIDE \the\wide}}"
        for text in texts
    )
    assert complaints(folder, rf"\newlength{{\wide}}{measure}x", "a4paper") == []
    log = (folder / "paper.log").read_text(errors="replace")
    return [float(line.split()[1].removesuffix("pt")) for line in log.splitlines() if line.startswith("WIDE ")]
