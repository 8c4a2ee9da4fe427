/** What the pages of administrators show; see `views.ts`. */
export interface AdminSection {
  readonly label: string;
  readonly href: string;
  readonly hint: string;
}

export interface AdminModel {
  readonly sections: readonly AdminSection[];
}

/** A table to read, a page of it at a time. Each row has a cell for each column, the first one names it. */
export interface AdminListModel {
  readonly heading: string;
  readonly lead: string;
  /** Field: `account`, sent by GET. `fault`: there is no such account. */
  readonly search: { readonly action: string; readonly value: string; readonly fault?: string };
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly empty: string;
  readonly firstHref?: string;
  readonly nextHref?: string;
}

export interface AdminViews {
  readonly admin: AdminModel;
  readonly 'admin-list': AdminListModel;
}
