/* A long table, shown a page at a time.

     const list = new Pages({ time: "Time", status: "Outcome" }, "Runs", (skip, limit) => records("segment_runs", { skip, limit }));
     place.append(list.element);
     await list.show();

   `columns` are those of `table` in dom.js. */

import { button, element, table } from "./dom.js";

const PAGE = 100;

export class Pages {
  /** `read(skip, limit)` returns rows, or a promise of rows; `none` is shown if there are none. */
  constructor(columns, caption, read, { none = "There are none.", size = PAGE } = {}) {
    Object.assign(this, { _columns: columns, _caption: caption, _read: read, _none: none, _size: size, _skip: 0 });
    this._rows = element("div", {});
    this._where = element("span", { role: "status" });
    this._back = button("Previous", () => this._turn(-size));
    this._on = button("Next", () => this._turn(size));
    this._back.hidden = this._on.hidden = true;
    this.element = element("div", {}, this._rows, element("div", { class: "sb-actions sb-paging" }, this._back, this._on, this._where));
  }

  async _turn(by) {
    try {
      await this.show(this._skip + by);
    } catch (failure) {
      this._where.textContent = failure.message;
    }
  }

  /** Reads and shows the rows from `skip` on; by default, refreshes those on the screen. It reads one row more than a page, to
      know whether there is a next page. */
  async show(skip = this._skip) {
    const rows = await this._read(Math.max(0, skip), this._size + 1);
    if (!rows.length && skip > 0) {
      await this.show(skip - this._size);
      return;
    }
    this._skip = Math.max(0, skip);
    const shown = rows.slice(0, this._size);
    this._rows.replaceChildren(shown.length ? table(shown, this._columns, this._caption) : element("p", {}, this._none));
    this._back.hidden = this._skip === 0;
    this._on.hidden = rows.length <= this._size;
    this._where.textContent = shown.length ? `${this._skip + 1} to ${this._skip + shown.length}` : "";
  }
}
