"""One self-contained HTML page with every stage of a compilation: no network, no other file.

The list of passes is on the left; the arrow keys step through those that changed something.  Of each the page shows what changed, the
whole program (the pointer on a line shows which node of the model it came from), the rewrites and the proofs; a word in the search
field marks the lines, and those of the nodes, that hold it, at every stage.

Stages differ in few of their lines: the page holds every line once, and of each stage which lines it has.
"""

from __future__ import annotations

import json
from html import escape

from tinyir.driver.inspection import InspectedStage
from tinyir.driver.inspection_data import packed
from tinyir.driver.rewrites_page import STYLE

MORE_STYLE = """
nav li.same { opacity: .5; }
.tabs button { font: inherit; padding: .2rem .8rem; margin: 0 .3rem .6rem 0; border: 1px solid #bbb; border-radius: .2rem; background: #fff; cursor: pointer; }
.tabs [aria-pressed=true] { background: #2b6cb0; color: #fff; }
pre span { display: block; white-space: pre-wrap; overflow-wrap: anywhere; }
pre span.gone { background: #fbecea; color: #8e2418; }
pre span.new { background: #eaf5ee; color: #1d5c38; }
pre span.place { color: #6b7280; }
pre span.found { outline: 2px solid #d69e2e; }
table { border-collapse: collapse; } td, th { text-align: left; vertical-align: top; padding: .15rem .8rem .15rem 0; }
td.refuted, td.unknown, td.not_attempted { color: #c0392b; font-weight: 600; }
"""

CHARACTERS = 15
"""Lists of numbers in other places than constants are shown up to so many characters for each element that constants may have."""
SCRIPT = """
const {lines: known, places, stages} = JSON.parse(document.getElementById('stages').textContent);
const spread = runs => runs.flatMap(([first, count]) => Array.from({length: count}, (_, i) => first + i));
const repeat = runs => runs.flatMap(([what, count]) => Array(count).fill(what));
for (const stage of stages) {
  const {shown, from} = stage, {marks, of} = stage.changes;
  stage.text = shown.length ? () => { const at = repeat(from); return spread(shown).map((line, i) => [known[line], places[at[i]]]); } : null;
  stage.difference = marks.length ? () => { const text = spread(of); return repeat(marks).map((sign, i) => [sign + known[text[i]], '']); } : null;
}
const list = document.querySelector('ol'), main = document.querySelector('main'), search = document.querySelector('input');
let current = 0, tab = 'changes';
const make = (tag, text, name) => { const e = document.createElement(tag); e.textContent = text; if (name) e.className = name; return e; };
function lines(text, kind) {
  const word = search.value.toLowerCase(), block = make('pre', '');
  for (const [line, place] of text()) {
    const span = make('span', line || ' ', kind(line));
    if (place) span.title = place;
    if (word && (line + place).toLowerCase().includes(word)) span.classList.add('found');
    block.append(span);
  }
  return block;
}
const mark = line => line.startsWith('@@') || line.startsWith('---') || line.startsWith('+++') ? 'place' : {'-': 'gone', '+': 'new'}[line[0]];
const whole = number => { while (!stages[number].text) number--; return stages[number].text; };
const views = {
  changes: ['what changed', s => s.difference ? lines(s.difference, mark) : null],
  text: ['the whole', (s, number) => lines(whole(number), () => '')],
  rewrites: ['rewrites', s => s.rewrites.length ? rewrites(s.rewrites) : null],
  proofs: ['proofs', s => s.proofs.length ? proofs(s.proofs) : null],
};
function rewrites(found) {
  const box = make('div', '');
  for (const r of found) {
    const nodes = r.nodes.length ? ' for ' + r.nodes.join(', ') : '';
    box.append(make('h3', `${r.rule} (${r.source})${nodes}`), make('pre', r.before, 'gone'), make('pre', r.after, 'new'));
  }
  return box;
}
function proofs(found) {
  const table = make('table', ''), head = make('tr', '');
  for (const title of ['kind', 'where', 'statement', 'state', 'how']) head.append(make('th', title));
  table.append(head);
  for (const numbers of found) {
    const row = make('tr', ''), fields = numbers.map(number => known[number]), state = fields[3];
    fields.forEach(field => row.append(make('td', field, field === state ? state : '')));
    table.append(row);
  }
  return table;
}
function show(number) {
  current = Math.max(0, Math.min(number, stages.length - 1));
  const stage = stages[current], tabs = make('p', '', 'tabs');
  const there = Object.entries(views).map(([key, [title, view]]) => [key, title, view(stage, current)]).filter(v => v[2]);
  const chosen = there.find(v => v[0] === tab) || there[0];
  for (const [key, title] of there) {
    const button = make('button', title);
    button.setAttribute('aria-pressed', key === chosen[0]);
    button.onclick = () => { tab = key; show(current); };
    tabs.append(button);
  }
  main.replaceChildren(make('h1', stage.title), make('p', stage.about + (stage.text ? '' : '  (It changed nothing here.)')), tabs, chosen[2]);
  [...list.children].forEach((item, i) => item.firstChild.setAttribute('aria-current', i === current));
  list.children[current].scrollIntoView({block: 'nearest'});
}
function step(way) {
  let number = current + way;
  while (number > 0 && number < stages.length && !stages[number].text) number += way;
  show(number);
}
stages.forEach((stage, number) => {
  const item = make('li', '', stage.text ? '' : 'same'), button = make('button', stage.title + ' ');
  const counts = [[stage.rewrites.length, 'rewrites'], [stage.proofs.length, 'proofs']].filter(c => c[0]).map(c => c.join(' '));
  button.append(make('small', counts.join(', ')));
  button.onclick = () => show(number);
  item.append(button);
  list.append(item);
});
search.oninput = () => show(current);
document.onkeydown = event => {
  const way = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1}[event.key];
  if (way && event.target !== search) { step(way); event.preventDefault(); }
};
show(0);
"""


def inspection_page(stages: tuple[InspectedStage, ...], title: str, elide: int) -> str:
    """The page as HTML; `title` is what was compiled, for which target.  `elide`: the greatest number of elements of a constant that is shown."""
    data = json.dumps(packed(stages, CHARACTERS * elide), separators=(",", ":")).replace("<", "\\u003c")
    heading = escape(title)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{heading}</title>\n<style>{STYLE}{MORE_STYLE}</style>\n</head>\n<body>\n'
        f'<nav><strong>{heading}</strong><input type="search" placeholder="mark lines with" aria-label="search"><ol></ol></nav>\n<main></main>\n'
        f'<script type="application/json" id="stages">{data}</script>\n<script>{SCRIPT}</script>\n</body>\n</html>\n'
    )
