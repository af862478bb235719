// The list of journeys: only the rows that are in sight exist as elements, however many there are.
const rowHeight = 58;
const rowsBeyond = 6;
// Browsers draw no taller elements than some ten million pixels.
const tallest = 8000000;

class List {
  constructor(element, spacer, onChoose) {
    this.element = element;
    this.spacer = spacer;
    this.onChoose = onChoose;
    this.journeys = [];
    this.chosen = -1;
    this.first = -1;
    this.last = -1;
    element.addEventListener('scroll', () => this.draw(false), {passive: true});
    element.addEventListener('keydown', (event) => this.key(event));
    element.addEventListener('click', (event) => {
      const row = event.target.closest('[role=option]');
      if (row) {
        this.choose(Number(row.dataset.index), true);
      }
    });
    new ResizeObserver(() => this.draw(true)).observe(element);
  }

  show(journeys, chosenId) {
    this.journeys = journeys;
    this.chosen = journeys.findIndex((journey) => journey.id === chosenId);
    this.height = Math.min(journeys.length * rowHeight, tallest);
    this.spacer.style.height = this.height + 'px';
    if (this.chosen >= 0) {
      this.reveal();
    } else {
      this.element.scrollTop = 0;
    }
    this.draw(true);
  }

  // The row at the top, which need not be whole, and where it stands.
  top() {
    const room = this.height - this.element.clientHeight;
    const whole = this.journeys.length * rowHeight - this.element.clientHeight;
    const scrolled = this.element.scrollTop;
    return {scrolled, rows: room > 0 ? (scrolled * whole) / room / rowHeight : 0};
  }

  reveal() {
    const height = this.element.clientHeight;
    const room = this.height - height;
    const whole = this.journeys.length * rowHeight - height;
    if (whole <= 0) {
      return;
    }
    const shown = this.top().rows * rowHeight;
    const row = this.chosen * rowHeight;
    if (row < shown) {
      this.element.scrollTop = (row * room) / whole;
    } else if (row + rowHeight > shown + height) {
      this.element.scrollTop = ((row + rowHeight - height) * room) / whole;
    }
  }

  draw(anew) {
    const {scrolled, rows} = this.top();
    const inSight = Math.ceil(this.element.clientHeight / rowHeight);
    const first = Math.max(0, Math.floor(rows) - rowsBeyond);
    const last = Math.min(this.journeys.length, Math.floor(rows) + inSight + rowsBeyond);
    const shrunk = this.journeys.length * rowHeight > tallest;
    if (!anew && !shrunk && first === this.first && last === this.last) {
      return;
    }
    this.first = first;
    this.last = last;
    const made = [];
    for (let index = first; index < last; ++index) {
      const row = this.row(index);
      row.style.top = scrolled + (index - rows) * rowHeight + 'px';
      made.push(row);
    }
    this.spacer.replaceChildren(...made);
    if (this.chosen >= first && this.chosen < last) {
      this.element.setAttribute('aria-activedescendant', 'row-' + this.chosen);
    } else {
      this.element.removeAttribute('aria-activedescendant');
    }
  }

  row(index) {
    const journey = this.journeys[index];
    const end = endClass(journey);
    const mark = journey.direction === 'reply' ? '↩ ' : '';
    return make('div', {
      role: 'option', id: 'row-' + index, 'data-index': index, class: 'row ' + end,
      'aria-selected': index === this.chosen, 'aria-setsize': this.journeys.length,
      'aria-posinset': index + 1,
    },
    make('span', {class: 'sign', 'aria-hidden': 'true'}, endSigns[end]),
    make('span', {class: 'title'}, mark + journey.title),
    make('span', {class: 'end'}, journey.end),
    make('span', {class: 'took'}, `#${journey.id} · ${duration(journey.duration)}`));
  }

  choose(index, byHand) {
    if (index < 0 || index >= this.journeys.length) {
      return;
    }
    this.chosen = index;
    this.reveal();
    this.draw(true);
    this.onChoose(this.journeys[index], byHand);
  }

  key(event) {
    const page = Math.max(1, Math.floor(this.element.clientHeight / rowHeight) - 1);
    const steps = {
      ArrowDown: 1, ArrowUp: -1, j: 1, k: -1, PageDown: page, PageUp: -page,
      Home: -this.journeys.length, End: this.journeys.length,
    };
    if (event.key === 'Enter' && this.chosen >= 0) {
      this.choose(this.chosen, true);
    } else if (event.key in steps && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const wanted = this.chosen + steps[event.key];
      this.choose(Math.min(Math.max(wanted, 0), this.journeys.length - 1), false);
    } else {
      return;
    }
    event.preventDefault();
  }
}
