// Where the time went: one bar over all of it, a piece for each step, coloured by namespace; and the
// longest steps in words.
function timeline(journeys) {
  const first = Math.min(...journeys.map((journey) => journey.begin));
  const pieces = [];
  let told = 0;  // until when
  for (const journey of journeys) {
    let before = null;
    for (const hop of journey.hops) {
      const until = journey.begin - first + hop.offset;
      if (until > told) {
        pieces.push({hop, before, ns: until - told});
        told = until;
      }
      before = hop;
    }
  }
  const whole = told;
  if (whole === 0) {
    return [make('p', {class: 'hint'}, 'It was seen at one moment only.')];
  }
  const names = [...new Set(pieces.map(({hop}) => hop.ns))];
  const colour = (name) => 'hue-' + (names.indexOf(name) % 6);
  const sums = new Map();
  const bar = make('div', {class: 'timeline', 'aria-hidden': 'true'});
  for (const {hop, ns} of pieces) {
    const piece = make('span', {class: colour(hop.ns), title: visible(`${hop.ns} ${hop.stage}: ${duration(ns)}`)},
      ns > whole / 9 ? hop.stage : null);
    piece.style.flexGrow = ns;
    bar.append(piece);
    sums.set(hop.ns, (sums.get(hop.ns) ?? 0) + ns);
  }
  const share = (ns) => `${duration(ns)} (${Math.round((100 * ns) / whole)} %)`;
  const legend = make('ul', {class: 'legend'}, ...names.map((name) =>
    make('li', {}, make('span', {class: 'swatch ' + colour(name), 'aria-hidden': 'true'}), `${name} ${share(sums.get(name))}`)));
  const longest = [...pieces].sort((a, b) => b.ns - a.ns).slice(0, 3);
  const words = longest.map(({hop, before, ns}) => make('li', {},
    make('strong', {}, share(ns)), before
      ? ` from ${before.ns} ${before.dev ?? ''} ${before.stage} to ${hop.ns} ${hop.dev ?? ''} ${hop.stage}`
      : ` until ${hop.ns} ${hop.dev ?? ''} ${hop.stage}`));
  return [bar, legend, make('p', {}, `${duration(whole)} in all, most of it:`), make('ol', {class: 'longest'}, ...words)];
}
