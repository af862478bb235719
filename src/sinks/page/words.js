// Numbers and directions in words.

// 184000 -> "184 µs"
function duration(ns) {
  const us = ns / 1000;
  if (us < 10) {
    return us.toFixed(1) + ' µs';
  }
  if (us < 1000) {
    return us.toFixed(0) + ' µs';
  }
  return us < 1e6 ? (us / 1e3).toFixed(2) + ' ms' : (us / 1e6).toFixed(2) + ' s';
}

function count(number, one, many) {
  return number.toLocaleString('en') + ' ' + (number === 1 ? one : many);
}

// A moment of the capture, in UTC: the same for everybody who reads the report.
function clockTime(baseNs, offsetNs, withDate) {
  const ns = BigInt(baseNs) + BigInt(offsetNs);
  const text = new Date(Number(ns / 1000000n)).toISOString();
  const micros = String((ns / 1000n) % 1000000n).padStart(6, '0');
  const time = text.slice(11, 19) + '.' + micros;
  return withDate ? `${text.slice(0, 10)} ${time} UTC` : time;
}

function directionWords(journey) {
  return {request: 'request', reply: 'reply', original: 'way'}[journey.direction];
}

// Which of five kinds of end the colours and signs tell apart.
function endClass(journey) {
  if (journey.kind === 'dropped') {
    return journey.fault ? 'dropped' : 'freed';
  }
  return journey.kind;
}

const endSigns = {delivered: '✓', dropped: '✕', left: '→', consumed: '●', lost: '?', freed: '○'};
