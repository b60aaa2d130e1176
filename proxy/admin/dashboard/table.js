// A table that is filled again and again: rows stay where they are, and only what has changed is written. Everything is
// written as text, since paths and users come from clients.

import {setLevel, setText} from './dom.js';

/**
 * @typedef {object} Column
 * @property {string} key
 * @property {string} title
 * @property {(row: object) => string} text
 * @property {boolean} [isText] not a figure: it stands at the left
 * @property {string} [sort] the API's name for sorting by it
 * @property {(row: object) => string} [level] for the colour of the cell: ok, watch, act, none
 */

export class Table {
  #columns;
  #body;
  #headings = new Map();

  /**
   * @param {Element} parent takes the table as its last child
   * @param {string} caption for who cannot see where it stands
   * @param {Column[]} columns the first of them names the row
   * @param {(sort: string) => void} [onSort] a heading was chosen
   */
  constructor(parent, caption, columns, onSort) {
    this.#columns = columns;
    const table = parent.appendChild(document.createElement('table'));
    const title = table.createCaption();
    title.className = 'hidden';
    title.textContent = caption;
    const head = table.createTHead().insertRow();
    for (const column of columns) head.append(this.#makeHeading(column, onSort));
    this.#body = table.createTBody();
  }

  /**
   * @param {string} sort as in Column; others are sorted by no more
   * @param {'ascending' | 'descending'} order
   */
  showSort(sort, order) {
    for (const [name, heading] of this.#headings) {
      if (name === sort) heading.setAttribute('aria-sort', order);
      else heading.removeAttribute('aria-sort');
    }
  }

  /**
   * @param {object[]} rows all of them
   * @param {string} [nothing] what to say where there is none
   */
  fill(rows, nothing = 'none') {
    if (rows.length === 0) return this.#fillWithNothing(nothing);
    if (this.#body.rows[0]?.cells.length !== this.#columns.length) this.#body.replaceChildren();
    while (this.#body.rows.length > rows.length) this.#body.deleteRow(-1);
    while (this.#body.rows.length < rows.length) this.#body.append(this.#makeRow());
    rows.forEach((row, i) => this.#columns.forEach((column, k) => fillCell(this.#body.rows[i].cells[k], column, row)));
  }

  #fillWithNothing(nothing) {
    const cell = document.createElement('td');
    cell.colSpan = this.#columns.length;
    cell.className = 'nothing';
    cell.textContent = nothing;
    const row = document.createElement('tr');
    row.append(cell);
    this.#body.replaceChildren(row);
  }

  #makeHeading(column, onSort) {
    const heading = document.createElement('th');
    heading.scope = 'col';
    heading.classList.toggle('text', column.isText ?? false);
    if (!column.sort) {
      heading.textContent = column.title;
      return heading;
    }
    const button = heading.appendChild(document.createElement('button'));
    button.type = 'button';
    button.textContent = column.title;
    button.addEventListener('click', () => onSort(column.sort));
    this.#headings.set(column.sort, heading);
    return heading;
  }

  #makeRow() {
    const row = document.createElement('tr');
    this.#columns.forEach(({key, isText}, k) => {
      const cell = row.appendChild(document.createElement(k === 0 ? 'th' : 'td'));
      if (k === 0) cell.scope = 'row';
      cell.dataset.key = key;
      cell.classList.toggle('text', isText ?? false);
    });
    return row;
  }
}

function fillCell(cell, column, row) {
  setText(cell, column.text(row));
  setLevel(cell, column.level?.(row) ?? 'none');
}
