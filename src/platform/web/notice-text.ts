/** The text a page is asked for by name in its address; `constructor` and its like name none. */
export const noticeText = (texts: Readonly<Record<string, string>>, name: unknown): string | undefined =>
  typeof name === 'string' && Object.hasOwn(texts, name) ? texts[name] : undefined;
