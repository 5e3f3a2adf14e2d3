"""One self-contained HTML page that steps through the rewrites of a trace: no network, no other file.

The page holds the JSON of the trace and a script of a few lines.  The arrow keys step, a filter narrows the list to rules, passes
and nodes whose names hold its text.
"""

from __future__ import annotations

import json
from html import escape

import attrs

from tinyir.rewrite.trace import Trace

STYLE = """
body { margin: 0; display: grid; grid-template-columns: 22rem 1fr; height: 100vh; font: 15px/1.45 system-ui, sans-serif; color: #1d2126; background: #fbfbf9; }
nav { overflow: auto; border-right: 1px solid #d7d7d0; padding: .8rem; }
nav input { width: 100%; box-sizing: border-box; font: inherit; padding: .3rem; }
nav ol { list-style: none; padding: 0; margin: .6rem 0 0; }
nav button { all: unset; display: block; width: 100%; box-sizing: border-box; padding: .15rem .4rem; cursor: pointer; border-radius: .2rem; }
nav button:focus-visible { outline: 2px solid #2b6cb0; }
nav [aria-current=true] { background: #2b6cb0; color: #fff; }
nav small { opacity: .7; }
main { overflow: auto; padding: 1rem 1.6rem; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; padding: .5rem .8rem; margin: .2rem 0; }
pre { border-left: 4px solid #bbb; background: #f1f1ec; font: 13px monospace; }
pre.gone { border-color: #c0392b; background: #fbecea; }
pre.new { border-color: #2e7d4f; background: #eaf5ee; }
dt { font-weight: 600; }
dd { margin: 0 0 .4rem; }
"""

SCRIPT = """
const rewrites = JSON.parse(document.getElementById('trace').textContent);
const list = document.querySelector('ol'), main = document.querySelector('main'), filter = document.querySelector('input');
let shown = [], current = 0;
const make = (tag, text, name) => { const e = document.createElement(tag); e.textContent = text; if (name) e.className = name; return e; };
function show(position) {
  if (!shown.length) { main.replaceChildren(make('p', 'No rewrites.')); return; }
  current = Math.max(0, Math.min(position, shown.length - 1));
  const number = shown[current], r = rewrites[number], facts = make('dl', '');
  for (const [key, value] of [['rule', r.source], ['pass', r.stage], ['nodes', r.nodes.join(', ')], ['location', r.location]])
    if (value) facts.append(make('dt', key), make('dd', value));
  main.replaceChildren(make('h1', `${number + 1} of ${rewrites.length}: ${r.rule}`), facts, make('pre', r.before, 'gone'), make('pre', r.after, 'new'));
  if (r.changes.length) main.append(make('h2', 'lines of the module'));
  for (const change of r.changes) {
    main.append(make('p', `line ${change.line + 1}`));
    if (change.gone.length) main.append(make('pre', change.gone.join('\\n'), 'gone'));
    if (change.new.length) main.append(make('pre', change.new.join('\\n'), 'new'));
  }
  [...list.children].forEach((item, i) => item.firstChild.setAttribute('aria-current', i === current));
  list.children[current].scrollIntoView({block: 'nearest'});
}
function fill() {
  const word = filter.value.toLowerCase();
  shown = rewrites.map((_, i) => i).filter(i => [rewrites[i].rule, rewrites[i].stage, ...rewrites[i].nodes].some(t => t.toLowerCase().includes(word)));
  list.replaceChildren(...shown.map((number, i) => {
    const item = make('li', ''), button = make('button', `${number + 1} ${rewrites[number].rule} `);
    button.append(make('small', rewrites[number].nodes.join(', ')));
    button.onclick = () => show(i);
    item.append(button);
    return item;
  }));
  show(0);
}
filter.oninput = fill;
document.onkeydown = event => {
  const step = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1}[event.key];
  if (step && event.target !== filter) { show(current + step); event.preventDefault(); }
};
fill();
"""


def rewrites_page(trace: Trace, title: str) -> str:
    """The page as HTML; `title` is what the rewrites were made in."""
    data = json.dumps([attrs.asdict(rewrite) for rewrite in trace.rewrites]).replace("<", "\\u003c")
    heading = f"rewrites of {escape(title)}"
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{heading}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n'
        f'<nav><strong>{heading}</strong><input type="search" placeholder="rule, pass or node" aria-label="filter"><ol></ol></nav>\n<main></main>\n'
        f'<script type="application/json" id="trace">{data}</script>\n<script>{SCRIPT}</script>\n</body>\n</html>\n'
    )
