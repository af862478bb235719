// The journeys as they are in the page: blocks of JSON, some thousand journeys each. Of every block
// there are two: what the list needs, which is read at once, and the rest, which is read when a
// journey of it is looked at. docs/report.md describes them.

// Bytes from the network, made visible: a control character or one that turns the writing round is
// shown by its number.
function visible(text) {
  return String(text).replace(
    /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\uffff]/g,
    (character) => '\\u{' + character.codePointAt(0).toString(16) + '}');
}

function readBlock(element) {
  return JSON.parse(element.textContent);
}

// {info, summary, journeys}; a journey has what its row in the list shows.
function readReport() {
  const info = readBlock(document.getElementById('info'));
  const journeys = [];
  for (const element of document.querySelectorAll('script.index')) {
    const block = readBlock(element);
    const number = element.dataset.block;
    block.journeys.forEach((row, position) => {
      const [id, exchange, direction, begin, duration, kind, fault, proto, title, end, way] = row;
      journeys.push({
        id, exchange, direction, begin, duration,
        kind: info.outcomes[kind],
        fault: fault === 1,
        proto: block.texts[proto],
        title,
        end: block.texts[end],
        way: block.ways[way],
        number, position,
        searched: '',
      });
    });
  }
  return {info, summary: readBlock(document.getElementById('summary')), journeys};
}

// What a search looks at: everything of a journey that has a name.
function searchedText(journey) {
  if (journey.searched === '') {
    const way = journey.way.namespaces.concat(journey.way.devices).join(' ');
    journey.searched = `#${journey.id} ${journey.title} ${journey.end} ${way}`.toLowerCase();
  }
  return journey.searched;
}

let openBlock = {number: '', block: null};

// The whole of one journey: its packet, hops and outcome.
function readDetails(journey) {
  if (openBlock.number !== journey.number) {
    const element = document.querySelector(`script.details[data-block="${journey.number}"]`);
    openBlock = {number: journey.number, block: readBlock(element)};
  }
  const block = openBlock.block;
  const [packet, outcome, moreHops, steps] = block.journeys[journey.position];
  const hops = [];
  let before = 0;
  for (let i = 0; i < steps.length; i += 3) {
    const [hop, hopPacket, offset] = steps.slice(i, i + 3);
    hops.push({
      ...block.hops[hop],
      packet: hopPacket < 0 ? null : block.packets[hopPacket],
      offset,
      step: offset - before,
    });
    before = offset;
  }
  // The kernel's functions (-vv) are in the table of hops; no picture has room for them.
  const stations = hops.filter((hop) => hop.stage !== 'function');
  return {...journey, packet: block.packets[packet], outcome: block.outcomes[outcome], moreHops,
    hops: stations, everyHop: hops};
}
