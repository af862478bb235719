// The picture of a journey and what answered it, from the rows and lanes of lanes.js. Its colours
// are in picture.css.
const textWidth = 6.7;  // of a character of the picture's text
const lineHeight = 15;
const boxHead = 30;
const boxGap = 26;
const edge = 8;

function wrapWords(text, width) {
  const lines = [];
  let line = '';
  for (let word of visible(text).split(' ')) {
    while (word.length > width) {
      if (line !== '') {
        lines.push(line);
        line = '';
      }
      lines.push(word.slice(0, width));
      word = word.slice(width);
    }
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : line + ' ' + word;
    }
  }
  return line === '' ? lines : [...lines, line];
}

function shorten(text, width) {
  const shown = [...visible(text)];
  return shown.length <= width ? shown.join('') : shown.slice(0, width - 1).join('') + '…';
}

// What is written beside a station: [{text, className}]
function labelLines(way, station, isLast, width) {
  const lines = [];
  for (const hop of station.hops) {
    const time = hop.step > 0 || hop.offset > 0 ? '+' + duration(hop.step) : '';
    if (hop.stage === 'drop') {
      const fault = way.journey.fault || hop !== way.journey.hops[way.journey.hops.length - 1];
      lines.push({text: fault ? 'DROPPED' : 'freed', className: fault ? 'drop-word' : 'stage', time});
    } else {
      lines.push({text: hop.stage, className: 'stage', time});
    }
    for (const line of wrapWords(hop.words ?? '', width)) {
      lines.push({text: line, className: hop.stage === 'drop' ? 'reason' : 'said'});
    }
  }
  if (isLast && way.journey.kind === 'dropped') {
    const rule = way.journey.outcome.rule?.text;
    for (const line of rule ? wrapWords(rule, width) : []) {
      lines.push({text: line, className: 'reason'});
    }
    for (const line of wrapWords(way.journey.outcome.function ?? '', width)) {
      lines.push({text: 'in ' + line, className: 'said'});
    }
  } else if (isLast && way.journey.kind !== 'delivered') {
    for (const line of wrapWords(way.journey.end, width)) {
      lines.push({text: line, className: way.journey.kind === 'lost' ? 'reason' : 'said'});
    }
  }
  return lines;
}

// Heights, from the lines that stand in a row; then the middle of each row. `nameHeight`: what the name of an
// interface takes where it does not stand beside its stations but above them.
function measure(layout, width, nameHeight) {
  for (const way of layout.ways) {
    way.stations.forEach((station, index) => {
      station.isLast = index === way.stations.length - 1;
      station.lines = labelLines(way, station, station.isLast, width);
    });
  }
  const all = layout.ways.flatMap((way) => way.stations);
  const tall = (stations) => Math.max(1, ...stations.map((one) => one.lines.length)) * lineHeight + 12;
  let y = 34;
  for (const namespace of layout.namespaces) {
    const mine = all.filter((station) => station.ns === namespace.number);
    namespace.y = y;
    y += boxHead;
    namespace.rows = [];
    namespace.gaps.forEach((slots, gap) => {
      for (let slot = 0; slot < slots; ++slot) {
        const here = mine.filter((one) => one.line === 2 * gap && one.fromTopSlot === slot);
        here.forEach((station) => { station.y = y; });
        y += tall(here);
      }
      if (gap < namespace.interfaces.length) {
        const here = mine.filter((one) => one.line === 2 * gap + 1);
        const height = tall(here) + 2 + nameHeight;
        namespace.rows.push({name: namespace.interfaces[gap], y: y + 3, height});
        here.forEach((station) => { station.y = y + 3 + nameHeight; });
        y += height + 8;
      }
    });
    namespace.height = y + edge - namespace.y;
    y += edge + boxGap;
  }
  return y - boxGap + 6;
}

function drawNode(way, station, x, y) {
  const kind = endClass(way.journey);
  if (station.isLast) {
    const sign = makeSvg('text', {x, y: y + 5, class: 'sign'}, endSigns[kind]);
    if (kind === 'dropped') {
      const r = 14;
      const k = r * 0.41;
      const points = [[-k, -r], [k, -r], [r, -k], [r, k], [k, r], [-k, r], [-r, k], [-r, -k]];
      return makeSvg('g', {class: 'end dropped'},
        makeSvg('polygon', {points: points.map(([dx, dy]) => `${x + dx},${y + dy}`).join(' ')}), sign);
    }
    return makeSvg('g', {class: 'end ' + kind}, makeSvg('circle', {cx: x, cy: y, r: 11}), sign);
  }
  if (station.atInterface || station.hops[0].stage === 'in' || station.hops[0].stage === 'deliver') {
    return makeSvg('circle', {cx: x, cy: y, r: station.joined ? 6 : 8,
      class: station.joined ? 'node' : 'node begin'});
  }
  if (station.hops[0].stage === 'drop') {
    return makeSvg('circle', {cx: x, cy: y, r: 8, class: 'node lost-copy'});
  }
  return makeSvg('path', {d: `M${x} ${y - 9}l9 9l-9 9l-9 -9z`, class: 'node decision'});
}

function drawLabel(station, x, y, isFault) {
  const group = makeSvg('g', {class: 'label'});
  if (station.isLast && isFault) {
    const longest = Math.max(...station.lines.map((line) =>
      line.text.length + (line.time ? line.time.length + 1 : 0)));
    group.append(makeSvg('rect', {x: x - 6, y: y - 14, rx: 5, class: 'drop-box',
      width: longest * (textWidth + 0.5) + 16, height: station.lines.length * lineHeight + 8}));
  }
  station.lines.forEach((line, index) => {
    group.append(makeSvg('text', {x, y: y + index * lineHeight, class: line.className}, line.text,
      line.time ? makeSvg('tspan', {class: 'time', dx: 7}, line.time) : null));
  });
  return group;
}

function drawEdge(from, to) {
  if (from.x === to.x) {
    const middle = (from.cy + to.cy) / 2;
    const d = Math.sign(to.cy - from.cy) * 5;
    const line = makeSvg('path', {class: 'line', d: `M${from.x} ${from.cy}V${to.cy}`});
    return Math.abs(to.cy - from.cy) < 30 ? line : makeSvg('g', {}, line, makeSvg('path', {class: 'arrow', d: `M${from.x - 5} ${middle - d / 2}L${from.x} ${middle + d / 2}L${from.x + 5} ${middle - d / 2}`}));
  }
  const beyond = to.cy > from.cy ? -34 : 34;
  return makeSvg('path', {class: 'line',
    d: `M${from.x} ${from.cy}C${from.x} ${from.cy + beyond} ${to.x} ${from.cy + beyond} ${to.x} ${to.cy}`});
}

function drawWay(way, laneX) {
  const reply = way.journey.direction === 'reply';
  const group = makeSvg('g', {class: reply ? 'way back' : 'way there'});
  for (const station of way.stations) {
    station.x = laneX(station.lane);
    station.cy = station.y + 12;
  }
  way.stations.forEach((station, index) => {
    if (station.joined) {
      group.append(drawEdge(way.stations[index - 1], station));
    }
  });
  for (const station of way.stations) {
    const node = makeSvg('g', {class: 'station', 'data-hop': station.hops[0].row ?? ''},
      drawNode(way, station, station.x, station.cy),
      drawLabel(station, station.x + 22, station.cy + 4, way.journey.fault),
      makeSvg('title', {}, `${station.label}${station.dev ? ' ' + station.dev : ''}: ` +
        station.hops.map((hop) => `${hop.stage} ${hop.words ?? ''}`).join('; ')));
    group.append(node);
  }
  return group;
}

// What somebody is told who does not see it.
function pictureWords(journeys) {
  return journeys.map((journey) => {
    const places = [];
    for (const hop of journey.hops) {
      const place = hop.dev && hop.at === 'interface' ? `${hop.ns} ${hop.dev}` : hop.ns;
      if (places[places.length - 1] !== place) {
        places.push(place);
      }
    }
    return `${directionWords(journey)}: ${places.join(', ')}; ${journey.end}`;
  }).join('. ');
}

// `room`: the pixels that there are from left to right.
function drawPicture(journeys, room) {
  const layout = layOut(journeys);
  const isNarrow = room < 560;
  const left = isNarrow ? 4 : 136;
  const least = isNarrow ? 150 : 200;
  const laneWidth = Math.min(440, Math.max(least, (room - left - 2 * edge) / layout.lanes));
  const width = left + laneWidth * layout.lanes + 2 * edge;
  const height = measure(layout, Math.floor((laneWidth - 42) / textWidth), isNarrow ? 16 : 0);
  const longestName = Math.floor(((isNarrow ? width - 30 : left) - 26) / 7.3);
  const laneX = (lane) => left + lane * laneWidth + 18;
  const svg = makeSvg('svg', {class: 'picture', role: 'img', viewBox: `0 0 ${width} ${height}`, width, height,
    'aria-label': visible(pictureWords(journeys))});
  for (const namespace of layout.namespaces) {
    svg.append(makeSvg('rect', {class: 'box', x: 1, y: namespace.y, width: width - 2, height: namespace.height, rx: 10}),
      makeSvg('text', {class: 'box-name', x: isNarrow ? laneX(0) + 16 : 14, y: namespace.y + 21},
        shorten(namespace.label, Math.floor((width - 28) / 8)),
        makeSvg('title', {}, namespace.label)));
    for (const row of namespace.rows) {
      svg.append(makeSvg('rect', {class: 'interface', x: edge + 1, y: row.y, width: width - 2 * edge - 2, height: row.height, rx: 6}),
        makeSvg('text', {class: 'interface-name', x: isNarrow ? laneX(0) + 16 : edge + 9, y: row.y + 17},
          shorten(row.name, longestName), makeSvg('title', {}, row.name)));
    }
  }
  for (const way of layout.ways) {
    const reply = way.journey.direction === 'reply';
    svg.append(makeSvg('text', {class: reply ? 'lane-name back' : 'lane-name there', x: laneX(way.lane) - 8, y: 20},
      reply ? '↑ back' : '↓ ' + (way.journey.direction === 'request' ? 'there' : 'its way')));
  }
  // The later ones first, so that the request is drawn on top where they meet.
  svg.append(...layout.ways.map((way) => drawWay(way, laneX)).reverse());
  return svg;
}
