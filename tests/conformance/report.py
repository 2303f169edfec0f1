"""The results as a Markdown table, one row per case and one column per daemon."""

import platform
import time

MARKS = {"pass": "pass", "fail": "**FAIL**", "n/a": "n/a", "error": "**ERROR**"}


def _cell(text):
    return text.replace("|", "\\|").replace("\n", " ")


def table(cases, chosen, results, seconds):
    """The whole text of RESULTS.md."""
    names = [adapter.name for adapter in chosen]
    lines = [
        "# Conformance of router advertisement daemons",
        "",
        f"Run on {time.strftime('%Y-%m-%d')}, Linux {platform.release().split('-')[0]}, {seconds:.0f} s, "
        "with `tests/conformance/run.py`.",
        "Versions: " + ", ".join(f"{a.name} {a.version()}" for a in chosen) + ".",
        "",
        f"| case | rule | what | {' | '.join(names)} |",
        f"|---|---|---|{'---|' * len(names)}",
    ]
    for case in cases:
        cells = [MARKS[results[case.name, name][0]] for name in names]
        lines.append(f"| {case.name} | {_cell(case.rule)} | {_cell(case.title)} | {' | '.join(cells)} |")
    totals = []
    for name in names:
        verdicts = [results[case.name, name][0] for case in cases]
        totals.append(f"{verdicts.count('pass')} of {len(verdicts) - verdicts.count('n/a')}")
    lines.append(f"| **passed, of those that apply** | | | {' | '.join(totals)} |")
    lines += _details("What was seen", "fail", cases, names, results)
    lines += _details("Faults of the suite", "error", cases, names, results)
    lines += _details("Not applicable", "n/a", cases, names, results)
    return "\n".join(lines) + "\n"


def _details(title, verdict, cases, names, results):
    """One line per case and text, with the daemons that it concerns."""
    lines = []
    for case in cases:
        by_text = {}
        for name in names:
            got, detail = results[case.name, name]
            if got == verdict:
                by_text.setdefault(detail.strip(), []).append(name)
        lines += [f"- {case.name}, {', '.join(who)}: {_cell(text)}" for text, who in by_text.items()]
    return ["", f"## {title}", "", *lines] if lines else []
