import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { exportJWK, importSPKI } from 'jose';
import { type JudgedToken, judgeToken } from '../permission-service/judge-token.js';
import { createVerifyToken, readToken, type VerifyToken } from '../permission-service/verify-token.js';
import { systemClock } from '../platform/crypto/clock.js';
import type { Cli } from './desk.js';
import { CliFault, UsageFault } from './faults.js';
import { facts, time } from './table.js';
import { askSecret, readSecretFromStdin } from './terminal.js';

interface Options {
  readonly service?: string;
  readonly key?: string;
  readonly issuer?: string;
}

export function addVerifyVerb(program: Command, cli: Cli): void {
  program
    .command('verify')
    .description(
      'judge a token of the permission service as its consumers do. It is read from standard input or asked for, ' +
        'never given as an argument. Exit code 0 only for a valid one.',
    )
    .option('--service <name>', 'it must be a service token for this service')
    .option('--key <file>', 'public key (PEM) to judge by, as /auth/public-key has it; needs no database')
    .option('--issuer <address>', 'with --key: the server it must come from; otherwise ISSUER')
    .action((options: Options) => verify(cli, options));
}

async function verify(cli: Cli, { service, key, issuer }: Options): Promise<void> {
  if (issuer !== undefined && key === undefined) throw new UsageFault('--issuer goes with --key.');
  const { terminal } = cli;
  const token = (
    terminal.stdin.isTTY ? await askSecret(terminal, 'Token: ') : await readSecretFromStdin(terminal, 'token')
  ).trim();
  const judged =
    key === undefined
      ? await cli.withContainer(({ permissionService }) =>
          judgeToken(permissionService.verifyToken, token, service),
        )
      : await judgeToken(await byKeyFile(key, token, issuer ?? cli.settings().config.issuer), token, service);
  cli.print(documentOf(judged), linesOf(judged));
  cli.exitCode = judged.valid ? 0 : 1;
}

/** Algorithms a public key of this kind can belong to; the token may use none but these. */
const FITTING: readonly (readonly [kind: RegExp, algs: readonly string[]])[] = [
  [/RSA/, ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']],
  [/EC/, ['ES256', 'ES384', 'ES512']],
  [/OKP/, ['EdDSA']],
];

async function byKeyFile(path: string, token: string, issuer: string): Promise<VerifyToken> {
  let pem: string;
  try {
    pem = readFileSync(path, 'utf8');
  } catch {
    throw new CliFault(`${path} cannot be read.`);
  }
  const alg = readToken(token)?.alg ?? 'RS256';
  const verifier = await importSPKI(pem, alg, { extractable: true }).catch(() => {
    throw new CliFault(`${path} holds no public key in PEM form that fits the token’s algorithm.`);
  });
  const { kty = '' } = await exportJWK(verifier);
  const known = FITTING.find(([kind]) => kind.test(kty))?.[1] ?? [];
  if (!known.includes(alg)) throw new CliFault(`The token’s algorithm ${alg} does not fit the key.`);
  return createVerifyToken({
    key: { alg, verifiers: async () => [verifier] },
    issuer,
    clock: systemClock,
  });
}

const secondsAt = (value: unknown): string | undefined =>
  typeof value === 'number' ? time(value * 1000) : undefined;

const documentOf = ({ valid, kind, reason, claims }: JudgedToken) => ({ valid, kind, reason, claims });

const linesOf = ({ valid, kind, reason, claims }: JudgedToken): string[] =>
  facts([
    ['Token', kind],
    ['Valid', valid ? 'yes' : `no: ${reason}`],
    ['User', typeof claims?.userid === 'string' ? claims.userid : undefined],
    ['Service', typeof claims?.service === 'string' ? claims.service : undefined],
    ['Permissions', claims?.permissions === undefined ? undefined : JSON.stringify(claims.permissions)],
    ['Issued', secondsAt(claims?.iat)],
    ['Expires', secondsAt(claims?.exp)],
  ]);
