/// <reference lib="dom" />

import type { Sentence } from '../../reporting/sentences/sentence.ts';
import type { PageData } from './data.ts';

/**
 * The script of the page: filters, search, the table of a row's snapshots, keyboard navigation, and
 * the tooltip of a mark. The source text of this function is embedded in the page, so the function
 * can use no variable from outside. Data is inserted as text, never as HTML.
 */
export function pageScript(): void {
  const one = <E extends Element = HTMLElement>(selector: string, within: ParentNode = document) =>
    within.querySelector<E>(selector)!;
  const all = <E extends Element = HTMLElement>(selector: string, within: ParentNode = document) =>
    Array.from(within.querySelectorAll<E>(selector));
  const make = (tag: string, attributes: Record<string, string>, ...children: (Node | Sentence)[]) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  };

  const data: PageData = JSON.parse(one('#data').textContent);
  const numberOf = (row: Element) => Number(row.id.slice('row-'.length));
  const linesOf = (row: Element) => data.rows[numberOf(row)]!;
  const marksOf = (within: ParentNode) => all<SVGElement>('.timeline g > *', within);
  const rows = all('.row');
  const filters = one<HTMLFormElement>('.filters');
  const search = one<HTMLInputElement>('[type=search]', filters);
  const textOf = (row: HTMLElement) =>
    `${row.textContent} ${Object.values(row.dataset).join(' ')}`.toLowerCase();
  const searchable = new Map<Element, string>();
  const serversIn = (some: HTMLElement[]) =>
    new Set(some.map(({ dataset: { account, region, server } }) => `${account} ${region} ${server}`)).size;

  function filter(): void {
    const wanted = Array.from(new FormData(filters), ([key, value]) => [key, String(value).trim()] as const);
    const isWanted = (row: HTMLElement) => {
      if (!searchable.has(row)) searchable.set(row, textOf(row));
      return wanted.every(([key, value]) =>
        key === 'search'
          ? value
              .toLowerCase()
              .split(/\s+/)
              .every((word) => searchable.get(row)!.includes(word))
          : !value || row.dataset[key] === value,
      );
    };
    for (const row of rows) row.hidden = !isWanted(row);
    for (const group of all('.group')) {
      const count = serversIn(all('.row:not([hidden])', group));
      group.hidden = count === 0;
      one('.count', group).textContent = String(count);
    }
    const shown = serversIn(rows.filter((row) => !row.hidden));
    const total = serversIn(rows);
    one('.shown').textContent = shown < total ? `${shown} of ${total} shown` : `${shown} shown`;
    one('.nothing').hidden = shown > 0;
  }

  function toggle(row: HTMLElement): void {
    const button = one('button', row);
    const isOpen = button.getAttribute('aria-expanded') === 'true';
    button.setAttribute('aria-expanded', String(!isOpen));
    if (isOpen) {
      one('.details', row).remove();
      button.removeAttribute('aria-controls');
    } else {
      row.append(details(row));
      button.setAttribute('aria-controls', `${row.id}-details`);
    }
  }

  /**
   * The details of a row: a table of all its snapshots. The explicit roles keep the table
   * accessible where the style changes its `display`.
   */
  function details(row: HTMLElement): HTMLElement {
    const columns = { slot: 'Snapshot', state: 'State', size: 'Size', why: 'Why', until: 'Stays until' };
    const names = Object.keys(columns);
    const cells = (tag: string, role: string, contents: (Node | Sentence)[][]) =>
      contents.map((content, i) => make(tag, { role, class: names[i]! }, ...content));
    const marks = marksOf(row);
    const body = linesOf(row).map(([image, ...texts], i) => {
      const [slot = '', ...more] = texts.map((text) => data.text[text]!);
      const contents = [[alone(marks[i]!), slot, make('code', {}, image)], ...more.map((text) => [text])];
      return make('tr', { role: 'row' }, ...cells('td', 'cell', contents));
    });
    const { server = '', account = '' } = row.dataset;
    const where = make(
      'p',
      {},
      'Server ',
      make('code', {}, server),
      ` in the account ${account}${data.notes[numberOf(row)]}`,
    );
    if (body.length === 0) return panel(row, where, make('p', {}, 'It has no snapshots.'));
    const command = data.restores[numberOf(row)]!;
    // A click selects the whole command, so that it can be copied.
    const restore = command
      ? [make('p', {}, 'To restore it: ', make('code', { class: 'command' }, command))]
      : [];
    const head = make(
      'tr',
      { role: 'row' },
      ...cells(
        'th',
        'columnheader',
        Object.values(columns).map((text) => [text]),
      ),
    );
    const table = make(
      'table',
      { role: 'table', 'aria-label': `Snapshots of ${one('.name', row).textContent}` },
      make('thead', { role: 'rowgroup' }, head),
      make('tbody', { role: 'rowgroup' }, ...body),
    );
    return panel(row, where, ...restore, table);
  }

  /** A copy of a timeline's mark as an SVG of its own. */
  function alone(mark: Element): Element {
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    svg.setAttribute('viewBox', '0 3 12 34');
    svg.setAttribute('aria-hidden', 'true');
    svg.append(mark.cloneNode());
    svg.firstElementChild!.setAttribute('x', '4.5');
    return svg;
  }

  function panel(row: HTMLElement, ...children: Node[]): HTMLElement {
    return make('div', { class: 'details', id: `${row.id}-details` }, ...children);
  }

  function onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target as HTMLElement;
    const row = target.closest<HTMLElement>('.row');
    const moves: Record<string, number> = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key === '/' && !target.matches('input, select')) {
      search.focus();
    } else if (event.key === 'Escape' && target === search && search.value) {
      search.value = '';
      filter();
    } else if (event.key === 'Escape' && row) {
      if (one('.details', row)) toggle(row);
      one('button', row).focus();
    } else if (event.key in moves && (row || (target === search && event.key === 'ArrowDown'))) {
      const visible = rows.filter((other) => !other.hidden);
      const next = visible[row ? visible.indexOf(row) + moves[event.key]! : 0];
      if (next) one('button', next).focus();
      else if (event.key === 'ArrowUp') search.focus();
    } else return;
    event.preventDefault();
  }

  /** Shows the tooltip of the mark that is nearest to the pointer. */
  function point({ target, clientX, clientY }: PointerEvent): void {
    const tip = one('.tip');
    const timeline = (target as Element).closest('.timeline');
    const marks = timeline ? marksOf(timeline.parentElement!) : [];
    tip.hidden = marks.length === 0;
    if (!timeline || tip.hidden) return;
    const { left, width } = timeline.getBoundingClientRect();
    const distances = marks.map((mark) =>
      Math.abs(left + (width * parseFloat(mark.getAttribute('x')!)) / 100 - clientX),
    );
    const nearest = distances.indexOf(Math.min(...distances));
    tip.hidden = distances[nearest]! > 12;
    const [, slot, state, , why] = linesOf(timeline.closest('.row')!)[nearest]!;
    tip.replaceChildren(
      make('b', {}, data.text[slot]!),
      ` ${data.text[state]}`,
      make('br', {}),
      data.text[why]!,
    );
    tip.style.left = `${Math.min(clientX, innerWidth - tip.offsetWidth - 12)}px`;
    tip.style.top = `${Math.min(clientY + 16, innerHeight - tip.offsetHeight - 12)}px`;
  }

  filters.hidden = false;
  filters.addEventListener('input', filter);
  filters.addEventListener('submit', (event) => event.preventDefault());
  one('.nothing button').addEventListener('click', () => {
    filters.reset();
    filter();
    search.focus();
  });
  document.addEventListener('keydown', onKey);
  document.addEventListener('click', ({ target, detail: clicks }) => {
    const row = (target as Element).closest<HTMLElement>('.row');
    const selects = clicks > 0 && String(getSelection()) !== '';
    if (row && !selects && !(target as Element).closest('.details')) toggle(row);
  });
  document.addEventListener('pointermove', point);
  const days = (Date.now() - Date.parse(one<HTMLTimeElement>('time').dateTime)) / 86_400_000;
  if (days >= 2) {
    one('.stale').textContent = `This page is ${Math.floor(days)} days old: much may have changed since.`;
    one('.stale').hidden = false;
  }
}
