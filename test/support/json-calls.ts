import type { TestServer } from './server.js';

export interface JsonAnswer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: the body is whatever the server answered; tests look into it.
  readonly body: any;
}

async function answerOf(response: Response): Promise<JsonAnswer> {
  const text = await response.text();
  const body = /^[[{]/.test(text) ? JSON.parse(text) : text;
  return { status: response.status, headers: response.headers, body };
}

/** A program's POST; `body` is sent as it is where it is a text. */
export const postJson = async (
  server: TestServer,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<JsonAnswer> =>
  answerOf(
    await fetch(server.url(path), {
      method: 'POST',
      redirect: 'manual',
      headers: { 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    }),
  );

export const getJson = async (
  server: TestServer,
  path: string,
  headers: Record<string, string> = {},
): Promise<JsonAnswer> => answerOf(await fetch(server.url(path), { redirect: 'manual', headers }));
