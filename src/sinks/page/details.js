// The right side: one journey, with what it answers or what answered it.

function definition(pairs) {
  return make('dl', {class: 'facts'}, ...pairs.filter(([, value]) => value !== null).flatMap(([name, value]) =>
    [make('dt', {}, name), make('dd', {}, value)]));
}

function copyButton(text, says) {
  const button = make('button', {type: 'button', class: 'copy'}, says);
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = 'copied';
    } catch {
      button.textContent = 'not allowed here';
    }
  });
  return button;
}

// Reason, rule and advice. The same box for what was dropped and what was lost sight of.
function adviceBox(journey) {
  const {outcome} = journey;
  const advice = outcome.advice;
  const isBad = journey.fault || journey.kind === 'lost';
  if (!isBad && !outcome.cause && !advice) {
    return null;
  }
  const box = make('section', {class: 'advice ' + endClass(journey), 'aria-label': 'What became of it'},
    make('h3', {}, make('span', {class: 'sign', 'aria-hidden': 'true'}, endSigns[endClass(journey)]), journey.end));
  if (outcome.cause) {
    box.append(make('p', {class: 'cause'}, outcome.cause));
  }
  if (outcome.rule?.text) {
    box.append(make('p', {}, 'The rule: ', make('code', {}, outcome.rule.text)));
  }
  if (advice) {
    // That it was a firewall, and which, is said already.
    box.append(outcome.firewall ? '' : make('p', {}, advice.cause),
      make('p', {}, 'Check it:'),
      make('p', {class: 'command'}, make('code', {}, advice.check), copyButton(advice.check, 'copy')),
      make('p', {}, make('strong', {}, 'Mend it: '), advice.mend));
  }
  return box;
}

function section(title, ...children) {
  const id = 'part-' + title.toLowerCase().replace(/[^a-z]+/g, '-');
  return make('section', {'aria-labelledby': id}, make('h3', {id}, title), ...children);
}

// Of a flow an exchange has any number of packets, else a question and its answers.
function isInFlow(journey) {
  return journey.exchange !== 0 && ['tcp', 'udp', 'sctp'].includes(journey.proto);
}

class Details {
  constructor(element, report, onLink) {
    this.element = element;
    this.report = report;
    this.onLink = onLink;
    this.byExchange = new Map();
    for (const journey of report.journeys) {
      if (journey.exchange !== 0) {
        const others = this.byExchange.get(journey.exchange) ?? [];
        others.push(journey);
        this.byExchange.set(journey.exchange, others);
      }
    }
    this.shown = null;
    let room = 0;
    new ResizeObserver(() => {
      // A picture is made for the room there is; paper gets the one of the screen, scaled.
      if (this.shown && Math.abs(element.clientWidth - room) > 40 && !matchMedia('print').matches) {
        room = element.clientWidth;
        this.drawPicture();
      }
    }).observe(element);
  }

  // The journeys of an exchange, in the order of time; of many (copies, a broadcast that many
  // answered) the first ones and the one itself.
  partners(journey) {
    const all = [...(this.byExchange.get(journey.exchange) ?? [journey])].sort((a, b) => a.begin - b.begin);
    if (isInFlow(journey)) {
      return {all, drawn: [journey]};
    }
    const mostDrawn = 4;
    const drawn = all.slice(0, mostDrawn);
    if (!drawn.includes(journey)) {
      drawn[mostDrawn - 1] = journey;
    }
    return {all, drawn};
  }

  show(journey) {
    this.shown = journey;
    const {all, drawn} = this.partners(journey);
    this.journeys = drawn.map(readDetails);
    const own = this.journeys.find((one) => one.id === journey.id);
    this.figure = make('div', {class: 'figure', tabindex: 0, role: 'group', 'aria-label': 'Picture of the way'});
    const link = '#' + journey.id;
    const parts = [
      make('button', {type: 'button', class: 'back-to-list'}, '← Journeys'),
      make('h2', {}, journey.title),
      make('p', {class: 'outcome-line ' + endClass(journey)},
        make('span', {class: 'sign', 'aria-hidden': 'true'}, endSigns[endClass(journey)]),
        make('strong', {}, journey.end), ` after ${duration(journey.duration)}`),
      definition([
        ['journey', make('a', {href: link}, link)],
        ['begin', clockTime(this.report.info.base_ns, journey.begin, true)],
        isInFlow(journey) ? ['in its flow', this.neighbours(all, journey)]
          : [journey.direction === 'reply' ? 'answers' : 'answered by', this.links(all, journey)],
      ]),
      ...this.journeys.map(adviceBox),
      section('The way', this.figure, this.moreWords(all, own)),
      section('Where the time went', ...timeline(this.journeys)),
      section('Hops', hopsTable(this.journeys)),
      section('Headers, before and after', ...this.journeys.map((one) => headersTable(one, this.journeys.length > 1))),
      make('p', {class: 'hint'}, 'This picture in a document: ',
        make('code', {}, `tracepkt report -r FILE --journey ${journey.id} --format svg`)),
    ];
    this.element.replaceChildren(...parts.filter((part) => part !== null));
    this.element.querySelector('.back-to-list').addEventListener('click', () => this.onLink(''));
    this.element.scrollTop = 0;
    this.drawPicture();
  }

  links(all, journey) {
    const others = all.filter((one) => one !== journey && (one.direction === 'reply') !== (journey.direction === 'reply'));
    if (others.length === 0) {
      return null;
    }
    const most = 8;
    const words = others.slice(0, most).flatMap((one) => [make('a', {href: '#' + one.id}, '#' + one.id), ' ']);
    return make('span', {}, ...words, others.length > most ? `and ${others.length - most} more` : null);
  }

  // The packets of a flow before and after this one.
  neighbours(all, journey) {
    if (all.length === 1) {
      return null;
    }
    const at = all.indexOf(journey);
    const link = (one, word) => one ? [make('a', {href: '#' + one.id}, `${word} #${one.id}`), ' '] : [];
    return make('span', {}, `${at + 1} of ${all.length} packets, both ways `,
      ...link(all[at - 1], 'before'), ...link(all[at + 1], 'after'));
  }

  moreWords(all, own) {
    const words = [];
    if (all.length > this.journeys.length && !isInFlow(own)) {
      words.push(`${all.length - this.journeys.length} more of this exchange are not drawn.`);
    }
    if (own.moreHops > 0) {
      words.push(`It circles: ${own.moreHops} more hops were not kept.`);
    }
    return words.length > 0 ? make('p', {class: 'hint'}, words.join(' ')) : null;
  }

  drawPicture() {
    const padding = 16;
    const room = Math.max(300, (this.figure.clientWidth || this.element.clientWidth) - padding);
    const svg = drawPicture(this.journeys, room);
    svg.addEventListener('click', (event) => {
      const row = event.target.closest('.station')?.dataset.hop;
      document.getElementById(row)?.scrollIntoView({block: 'center'});
    });
    this.figure.replaceChildren(svg);
  }
}
