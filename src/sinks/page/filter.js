// Which journeys the list shows, and how many each choice would leave.
class Filter {
  constructor(report, onChange) {
    this.report = report;
    this.onChange = onChange;
    this.outcome = '';
    this.search = document.getElementById('search');
    this.protocol = document.getElementById('protocol');
    this.namespace = document.getElementById('namespace');
    this.order = document.getElementById('order');
    this.fillChoices();
    let waiting = 0;
    this.search.addEventListener('input', () => {
      clearTimeout(waiting);
      waiting = setTimeout(onChange, 80);
    });
    for (const select of [this.protocol, this.namespace, this.order]) {
      select.addEventListener('change', onChange);
    }
    document.getElementById('filters').addEventListener('submit', (event) => event.preventDefault());
  }

  fillChoices() {
    const outcomes = new Map();
    const protocols = new Map();
    const namespaces = new Map();
    const add = (counts, key) => counts.set(key, (counts.get(key) ?? 0) + 1);
    for (const journey of this.report.journeys) {
      add(outcomes, endClass(journey));
      add(protocols, journey.proto);
      for (const name of journey.way.namespaces) {
        add(namespaces, name);
      }
    }
    const fillSelect = (select, all, counts) => {
      const sorted = [...counts].sort((a, b) => b[1] - a[1]);
      select.replaceChildren(
        make('option', {value: '', 'data-all': ''}, all),
        ...sorted.map(([name, number]) => make('option', {value: name}, `${name} (${number})`)));
    };
    fillSelect(this.protocol, 'every protocol', protocols);
    fillSelect(this.namespace, 'every namespace', namespaces);
    this.fillOutcomes(outcomes);
  }

  fillOutcomes(counts) {
    const kinds = ['dropped', 'lost', 'delivered', 'left', 'consumed', 'freed'];
    const buttons = [['', this.report.journeys.length]];
    for (const kind of kinds.filter((one) => counts.has(one))) {
      buttons.push([kind, counts.get(kind)]);
    }
    this.buttons = buttons.map(([kind, number]) => {
      const button = make('button', {type: 'button', class: 'outcome ' + kind, 'aria-pressed': kind === ''},
        kind === '' ? null : make('span', {class: 'sign', 'aria-hidden': 'true'}, endSigns[kind]),
        (kind || 'all') + ' ', make('span', {class: 'number'}, number.toLocaleString('en')));
      button.addEventListener('click', () => {
        this.setOutcome(this.outcome === kind ? '' : kind);
        this.onChange();
      });
      return {kind, button};
    });
    document.getElementById('outcomes').replaceChildren(...this.buttons.map(({button}) => button));
  }

  setOutcome(kind) {
    this.outcome = kind;
    for (const one of this.buttons) {
      one.button.setAttribute('aria-pressed', one.kind === kind);
    }
  }

  clear() {
    this.search.value = '';
    this.setOutcome('');
    for (const select of [this.protocol, this.namespace]) {
      select.selectedIndex = 0;
    }
    this.onChange();
  }

  apply() {
    const words = this.search.value.toLowerCase().split(/\s+/).filter((word) => word !== '');
    const protocol = this.protocol.selectedIndex > 0 ? this.protocol.value : null;
    const namespace = this.namespace.selectedIndex > 0 ? this.namespace.value : null;
    const chosen = this.report.journeys.filter((journey) =>
      (this.outcome === '' || endClass(journey) === this.outcome) &&
      (protocol === null || journey.proto === protocol) &&
      (namespace === null || journey.way.namespaces.includes(namespace)) &&
      words.every((word) => this.finds(journey, word)));
    const orders = {
      first: (a, b) => a.begin - b.begin || a.id - b.id,
      last: (a, b) => b.begin - a.begin || b.id - a.id,
      slow: (a, b) => b.duration - a.duration,
    };
    return chosen.sort(orders[this.order.value]);
  }

  // "#7" is one journey, everything else may be anywhere.
  finds(journey, word) {
    return /^#\d+$/.test(word) ? journey.id === Number(word.slice(1))
      : searchedText(journey).includes(word);
  }
}
