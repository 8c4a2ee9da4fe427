/**
 * R04: the only node, on SQLite, killed at random moments while it writes. The ledger holds what was answered:
 * a token that was given works after the restart, one whose revocation was answered does not.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import BetterSqlite3 from 'better-sqlite3';
import { freePort, type Program, startProgram } from '../support/program.js';
import { post } from '../support/flow.js';
import { runCli } from '../../src/cli/cli.js';
import type { TestServer } from '../support/server.js';

/** 3 in `npm test`, 30 in `npm run drill`, 200 with --full. */
const KILLS = Number(process.env.DRILL_KILLS || 3);
const WRITERS = 4;

let folder: string;
let env: Record<string, string>;
let client: { clientId: string; secret: string };

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'postern-kill-'));
  env = { DATABASE_URL: `sqlite:${join(folder, 'data.sqlite')}`, KEYS_DIR: join(folder, 'keys') };
  let said = '';
  const terminal = {
    stdin: process.stdin,
    stdout: { write: (text: string) => (said += text) },
    stderr: { write: () => {} },
  };
  const args = 'client create --json --name Killed --grant-type client_credentials --scope profile'.split(
    ' ',
  );
  expect(await runCli(args, { terminal, env, folder })).toBe(0);
  const made = JSON.parse(said);
  client = { clientId: made.client_id, secret: made.client_secret };
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const requests = (program: Program) => {
  const server = { url: (path: string) => `${program.issuer}${path}` } as TestServer;
  return {
    give: () => post(server, '/oauth/token', { grant_type: 'client_credentials' }, client),
    revoke: (token: string) => post(server, '/oauth/revoke', { token }, client),
    look: (token: string) => post(server, '/oauth/introspect', { token }, client),
  };
};

test(
  `R04: ${KILLS} kills, nothing answered is lost or comes back, and the file is whole`,
  async () => {
    const port = await freePort();
    const given = new Set<string>();
    const revoked = new Set<string>();
    let answered = 0;
    for (let kill = 0; kill < KILLS; kill += 1) {
      const program = await startProgram(folder, env, port);
      await program.until(/Stop: Ctrl-C/);
      const { give, revoke } = requests(program);
      // A random moment after the first answers, not a time of the clock.
      const enough = answered + 8 + Math.floor(Math.random() * 60);
      const write = async (): Promise<void> => {
        for (;;) {
          const { status, body } = await give();
          expect(status).toBe(200);
          answered += 1;
          const token: string = body.access_token;
          if (answered % 3 > 0) given.add(token);
          // In neither set until it is answered.
          else if ((await revoke(token)).status === 200) revoked.add(token);
          if (answered >= enough) program.child.kill('SIGKILL');
        }
      };
      const writers = Array.from({ length: WRITERS }, write);
      await Promise.all(writers.map((writer) => expect(writer).rejects.toThrow(/fetch failed|terminated/)));
      await program.ended;

      const file = new BetterSqlite3(join(folder, 'data.sqlite'));
      expect(file.pragma('integrity_check', { simple: true })).toBe('ok');
      file.close();
    }

    const program = await startProgram(folder, env, port);
    await program.until(/Stop: Ctrl-C/);
    const { look } = requests(program);
    const activeOf = async (tokens: ReadonlySet<string>) => {
      const active: boolean[] = [];
      for (const token of tokens) active.push((await look(token)).body.active);
      return new Set(active);
    };
    expect(given.size).toBeGreaterThan(5 * KILLS);
    expect(await activeOf(given)).toEqual(new Set([true]));
    expect(await activeOf(revoked)).toEqual(new Set([false]));
    expect(await program.stop()).toBe(0);
  },
  60_000 + KILLS * 60_000,
);
