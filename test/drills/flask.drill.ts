/** Row 25 by dserver's own library, flask-jwt-extended. Run by `npm run drill`: it comes from apt. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { getJson, postJson } from '../support/json-calls.js';
import { redeem, getCode } from '../support/flow.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';

let server: TestServer;
beforeAll(async () => {
  server = await startServer({ DSERVER_LOCAL_ACCOUNTS: 'true' });
  await server.createAccount();
});
afterAll(() => server.close());

const SCRIPT = fileURLToPath(new URL('../support/flask_jwt.py', import.meta.url));

/** Status and body for each token. */
function flaskSays(publicKey: string, tokens: readonly string[], config: object = {}): [number, unknown][] {
  const python = process.env.PYTHON || '/usr/bin/python3';
  const input = JSON.stringify({ public_key: publicKey, tokens, config });
  const { status, stdout, stderr } = spawnSync(python, [SCRIPT], { input, encoding: 'utf8' });
  if (status === 0) return JSON.parse(stdout) as [number, unknown][];
  throw new Error(
    `This drill needs flask-jwt-extended for ${python} (or for what PYTHON names): ` +
      `apt-get install -y python3-python-flask-jwt-extended\n${stderr}`,
  );
}

test('row 25: dserver’s library takes what is minted here, however it was come by, and nothing else', async () => {
  const pem: string = (await getJson(server, '/public_key')).body;
  const login = { username: 'alice', password: PASSWORD };
  const { token } = (await postJson(server, '/token', login)).body;
  const renewed = (await postJson(server, '/auth/refresh', { token })).body.token;
  const tokens = [token, renewed];
  const yes = [200, 'alice'];
  expect(flaskSays(pem, tokens)).toEqual([yes, yes]);
  // An operator may have dserver look at these as well.
  const strict = { JWT_DECODE_AUDIENCE: 'dserver', JWT_DECODE_ISSUER: 'dserver' };
  expect(flaskSays(pem, tokens, strict)).toEqual([yes, yes]);

  const client = await server.createClient();
  const { body } = await redeem(server, client, await getCode(server, client));
  const [head, , signature] = token.split('.');
  const claims = Buffer.from(JSON.stringify({ sub: 'bob' })).toString('base64url');
  const none = Buffer.from('{"alg":"none"}').toString('base64url');
  const forged = [body.id_token, `${head}.${claims}.${signature}`, `${none}.${claims}.`];
  expect(flaskSays(pem, forged).map(([status]) => status)).toEqual([422, 422, 422]);
}, 60_000);
