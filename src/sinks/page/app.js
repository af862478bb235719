// Brings the parts together: what is chosen is in the address, behind the #, so that it can be sent.

function aboutWords(report) {
  const {info, summary} = report;
  const words = [count(report.journeys.length, 'journey', 'journeys'),
    count(summary.events, 'event', 'events'),
    summary.kernel ? 'Linux ' + summary.kernel : null,
    info.selection ? 'only: ' + info.selection : null,
    report.journeys.length > 0 ? 'from ' + clockTime(info.base_ns, 0, true) : null];
  return words.filter((word) => word !== null).join(' · ');
}

// What is missing: it is said, not hidden.
function warningWords(summary) {
  const words = [];
  for (const [cause, number] of Object.entries(summary.lost)) {
    if (number > 0) {
      words.push(`${number.toLocaleString('en')} events lost (${cause})`);
    }
  }
  if (summary.damaged) {
    const {places, bytes, has_end: hasEnd} = summary.damaged;
    words.push(places > 0 ? `the capture is damaged in ${places} places, ${bytes} bytes tell nothing` : null,
      hasEnd ? null : 'the end of the capture is missing: what was lost is not known');
  }
  if (summary.read_to_end === false) {
    words.push('the capture was not read to its end: what was lost is not known');
  }
  return words.filter((word) => word !== null).join('; ');
}

function start() {
  const report = readReport();
  const byId = new Map(report.journeys.map((journey) => [journey.id, journey]));
  const article = document.getElementById('journey');
  document.getElementById('file').textContent = visible(report.info.file);
  document.title = `${visible(report.info.file)}: tracepkt report`;
  document.getElementById('about').textContent = visible(aboutWords(report));
  const warnings = warningWords(report.summary);
  document.getElementById('warnings').textContent = visible(warnings);
  document.getElementById('warnings').hidden = warnings === '';

  const goTo = (address) => { location.hash = address; };
  const details = new Details(article, report, goTo);
  let chosen = null;
  const choose = (journey) => {
    chosen = journey;
    details.show(journey);
    document.body.dataset.view = 'journey';
  };
  const list = new List(document.getElementById('list'), document.getElementById('spacer'), (journey, byHand) => {
    // Arrow keys leave one entry in the browser's history, not one a journey.
    if (byHand) {
      goTo(String(journey.id));
    } else {
      history.replaceState(null, '', '#' + journey.id);
      choose(journey);
    }
  });
  const filter = new Filter(report, () => show());
  const show = () => {
    const journeys = filter.apply();
    list.show(journeys, chosen?.id);
    document.getElementById('count').textContent = journeys.length === report.journeys.length
      ? count(journeys.length, 'journey', 'journeys')
      : `${journeys.length.toLocaleString('en')} of ${count(report.journeys.length, 'journey', 'journeys')}`;
  };
  const follow = () => {
    const id = Number(location.hash.slice(1));
    const journey = byId.get(id);
    if (journey) {
      choose(journey);
      list.show(list.journeys, id);
    } else {
      document.body.dataset.view = 'list';
    }
  };
  show();
  if (byId.has(Number(location.hash.slice(1)))) {
    follow();
  } else if (report.journeys.length > 0) {
    // Something to see at once: what went wrong first, or else the first.
    const first = list.journeys.find((journey) => journey.fault) ?? list.journeys[0];
    chosen = first;
    details.show(first);
    list.show(list.journeys, first.id);
  } else {
    article.replaceChildren(make('p', {class: 'notice'}, 'There is no journey in it.'));
  }
  addEventListener('hashchange', follow);
  addEventListener('keydown', (event) => {
    const isTyping = event.target.closest('input, select');
    if (event.key === '/' && !isTyping) {
      filter.search.focus();
      event.preventDefault();
    } else if (event.key === 'Escape') {
      filter.clear();
    } else if (event.target === filter.search && (event.key === 'ArrowDown' || event.key === 'Enter')) {
      list.element.focus();
      if (!list.journeys.some((journey) => journey === chosen)) {
        list.choose(0, false);
      }
      event.preventDefault();
    }
  });
}

start();
document.documentElement.dataset.ready = 'true';
