// Where everything stands in the picture, as numbers of rows and lanes; no pixels yet. The same in
// C++, for pictures outside of a report, is sinks/lanes.cpp; lanes.golden.json holds both together.
//
// Namespaces are boxes, one below the other; in each its interfaces are rows, and what happens in
// there before, between and behind them stands in the gaps. A way runs through the rows in a lane:
// downwards, or, coming back, upwards. Where it turns round it goes on in the next lane.

// The hops of a way that stand at the same place: one after the other on one interface.
function stationsOf(hops) {
  const stations = [];
  for (const hop of hops) {
    const atInterface = hop.at === 'interface';
    const last = stations[stations.length - 1];
    if (atInterface && last?.atInterface && last.key === hop.inode + ' ' + hop.ns && last.dev === hop.dev) {
      last.hops.push(hop);
    } else {
      stations.push({atInterface, key: hop.inode + ' ' + hop.ns, label: hop.ns, dev: hop.dev, hops: [hop]});
    }
  }
  return stations;
}

// The namespaces in order of first sight, each with its interfaces; stations learn their numbers.
function namespacesOf(ways) {
  const namespaces = new Map();
  for (const station of ways.flatMap((way) => way.stations)) {
    if (!namespaces.has(station.key)) {
      namespaces.set(station.key, {label: station.label, number: namespaces.size, interfaces: []});
    }
    const namespace = namespaces.get(station.key);
    station.ns = namespace.number;
    if (station.atInterface) {
      if (!namespace.interfaces.includes(station.dev)) {
        namespace.interfaces.push(station.dev);
      }
      station.interface = namespace.interfaces.indexOf(station.dev);
      station.line = 2 * station.interface + 1;
    }
  }
  return [...namespaces.values()];
}

// From here (step -1: back; 1: forth) to the first station in another namespace: is that above?
function isAbove(stations, index, step) {
  for (let i = index + step; i >= 0 && i < stations.length; i += step) {
    if (stations[i].ns !== stations[index].ns) {
      return stations[i].ns < stations[index].ns;
    }
  }
  return null;
}

// Gives what does not stand on an interface its gap, and its slot in there, counted from the
// interface that it leans on.
function placeInside(stations, down) {
  for (let begin = 0; begin < stations.length;) {
    if (stations[begin].atInterface) {
      ++begin;
      continue;
    }
    let end = begin;
    while (end < stations.length && !stations[end].atInterface && stations[end].ns === stations[begin].ns) {
      ++end;
    }
    const same = (station) => (station && station.ns === stations[begin].ns ? station : null);
    const before = same(stations[begin - 1]);
    const after = same(stations[end]);
    let goesDown = down;
    let gap = 0;
    if (before) {
      goesDown = after && after.interface !== before.interface ? after.interface > before.interface
        : (isAbove(stations, begin - 1, -1) ?? down);
      gap = before.interface + (goesDown ? 1 : 0);
    } else if (after) {
      const above = isAbove(stations, end, 1);
      goesDown = above === null ? down : !above;
      gap = after.interface + (goesDown ? 0 : 1);
    }
    const leansOnAfter = !before && after !== null;
    for (let i = begin; i < end; ++i) {
      stations[i].line = 2 * gap;
      stations[i].slot = leansOnAfter ? end - 1 - i : i - begin;
      stations[i].fromTop = leansOnAfter ? !goesDown : goesDown;
    }
    begin = end;
  }
}

// The size of each gap, and of every station in one its slot counted from the top.
function countSlots(namespaces, ways) {
  for (const namespace of namespaces) {
    namespace.gaps = new Array(namespace.interfaces.length + 1).fill(0);
  }
  const inside = ways.flatMap((way) => way.stations).filter((station) => !station.atInterface);
  for (const station of inside) {
    const gaps = namespaces[station.ns].gaps;
    gaps[station.line / 2] = Math.max(gaps[station.line / 2], station.slot + 1);
  }
  for (const station of inside) {
    const size = namespaces[station.ns].gaps[station.line / 2];
    station.fromTopSlot = station.fromTop ? station.slot : size - 1 - station.slot;
  }
}

function compareRows(a, b) {
  return Math.sign(a.ns - b.ns || a.line - b.line || (a.fromTopSlot ?? 0) - (b.fromTopSlot ?? 0));
}

// No packet gets from inside one namespace into another without an interface, and none goes on
// after its end: there another copy of it is told of.
function isAnotherBranch(before, station) {
  const last = before.hops[before.hops.length - 1];
  return last.stage === 'deliver' || last.stage === 'drop' ||
    (!before.atInterface && before.ns !== station.ns);
}

function assignLanes(ways) {
  let lane = -1;
  for (const way of ways) {
    ++lane;
    way.lane = lane;
    let direction = 0;
    way.stations.forEach((station, index) => {
      const before = way.stations[index - 1];
      station.joined = index > 0;
      if (before) {
        const move = compareRows(station, before);
        if (isAnotherBranch(before, station)) {
          station.joined = false;
          ++lane;
          direction = 0;
        } else if (move !== 0 && direction !== 0 && move !== direction) {
          ++lane;
          direction = move;
        } else if (move !== 0) {
          direction = move;
        }
      }
      station.lane = lane;
    });
  }
  return lane + 1;
}

// `journeys` with their hops, in the order of time. {namespaces, ways, lanes}
function layOut(journeys) {
  const ways = journeys.map((journey) => ({journey, stations: stationsOf(journey.hops)}));
  const namespaces = namespacesOf(ways);
  ways.forEach((way) => placeInside(way.stations, way.journey.direction !== 'reply'));
  countSlots(namespaces, ways);
  return {namespaces, ways, lanes: assignLanes(ways)};
}
