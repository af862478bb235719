// What was in the packet's headers at its first and at its last hop, and where it changed.
const headerNames = {
  proto: 'protocol', src: 'source', sport: 'source port', dst: 'destination', dport: 'destination port',
  len: 'length', ttl: 'time to live', mark: 'mark', fragment: 'fragment',
};

// {"icmp": {"type": 8}} -> "icmp type": 8
function flatFields(packet, prefix = '') {
  const fields = new Map();
  for (const [name, value] of Object.entries(packet ?? {})) {
    if (value !== null && typeof value === 'object') {
      flatFields(value, prefix + name + ' ').forEach((inner, key) => fields.set(key, inner));
    } else {
      fields.set(prefix + (headerNames[name] ?? name), value);
    }
  }
  return fields;
}

function headersTable(journey, isOneOfSeveral) {
  const seen = journey.hops.filter((hop) => hop.packet).map((hop) => ({hop, fields: flatFields(hop.packet)}));
  if (seen.length === 0) {
    seen.push({hop: null, fields: flatFields(journey.packet)});
  }
  const names = new Set(seen.flatMap(({fields}) => [...fields.keys()]));
  const last = seen[seen.length - 1];
  const place = (hop) => (hop === null ? '' : `${hop.ns}${hop.dev ? ' ' + hop.dev : ''} ${hop.stage}`);
  const rows = [...names].map((name) => {
    const changes = [];
    seen.forEach(({hop, fields}, index) => {
      if (index > 0 && fields.get(name) !== seen[index - 1].fields.get(name)) {
        changes.push(`${place(hop)}: ${fields.get(name) ?? 'none'}`);
      }
    });
    return make('tr', {class: changes.length > 0 ? 'changed' : ''},
      make('th', {scope: 'row'}, name),
      make('td', {}, seen[0].fields.get(name) ?? '-'),
      make('td', {}, last.fields.get(name) ?? '-'),
      make('td', {}, changes.length > 0 ? changes.join('; ') : 'the same'));
  });
  const title = isOneOfSeveral ? make('caption', {}, `#${journey.id} ${directionWords(journey)}`) : null;
  return make('div', {class: 'wide', tabindex: 0, role: 'group', 'aria-label': `Table of headers, #${journey.id}`},
    make('table', {class: 'headers'}, title,
      make('thead', {}, make('tr', {}, ...['field', 'at first', 'at last', 'changed'].map((name) =>
        make('th', {scope: 'col'}, name)))),
      make('tbody', {}, ...rows)));
}
