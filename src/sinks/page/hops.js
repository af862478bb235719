// The hops as a table, with a bar each for when they came and how long they took.
function hopRow(hop, number, begin, whole) {
  const bar = make('span', {class: 'bar', 'aria-hidden': 'true'});
  const at = hop.offset + begin;
  const part = (ns) => (whole > 0 ? (100 * ns) / whole : 0) + '%';
  bar.style.marginLeft = part(at - hop.step);
  bar.style.width = part(hop.step);
  return make('tr', {id: hop.row, class: 'stage-' + hop.stage},
    make('td', {class: 'number'}, number),
    make('td', {}, hop.ns),
    make('td', {}, hop.dev ?? '-'),
    make('td', {class: 'stage'}, hop.stage, hop.inferred ? make('span', {class: 'hint'}, ' inferred') : null),
    make('td', {class: 'words'}, hop.words ?? ''),
    make('td', {class: 'number'}, (hop.step / 1000).toFixed(1)),
    make('td', {class: 'bars'}, bar));
}

function hopsTable(journeys) {
  const first = Math.min(...journeys.map((journey) => journey.begin));
  const whole = Math.max(...journeys.map((journey) => journey.begin - first + journey.duration));
  const body = make('tbody');
  let number = 0;
  for (const journey of journeys) {
    if (journeys.length > 1) {
      body.append(make('tr', {class: 'divider ' + (journey.direction === 'reply' ? 'back' : 'there')},
        make('th', {colspan: 7, scope: 'rowgroup'},
          `${journey.direction === 'reply' ? '↑ back' : '↓ there'} · #${journey.id} ${journey.title}`)));
    }
    for (const hop of journey.everyHop) {
      ++number;
      hop.row = 'hop-' + number;
      body.append(hopRow(hop, number, journey.begin - first, whole));
    }
  }
  const heads = ['#', 'namespace', 'interface', 'stage', 'what was decided', 'µs', 'when'];
  const head = make('thead', {}, make('tr', {}, ...heads.map((name) => make('th', {scope: 'col'}, name))));
  return make('div', {class: 'wide', tabindex: 0, role: 'group', 'aria-label': 'Table of hops'},
    make('table', {class: 'hops'}, head, body));
}
