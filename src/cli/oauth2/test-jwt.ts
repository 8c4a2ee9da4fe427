import type { Command } from 'commander';
import type { Cli } from '../desk.js';
import { CliFault } from '../faults.js';

export function addTestJwt(oauth2: Command, cli: Cli): void {
  oauth2
    .command('test-jwt')
    .description('mint a token for any name, verify it and print both; it is noted, and revoked at once')
    .option('--username <name>', 'the name in it', 'test@example.com')
    .action(({ username }: { username: string }) => test(cli, username));
}

async function test(cli: Cli, username: string): Promise<void> {
  await cli.withContainer(async ({ dserver }) => {
    const facts = { email: username, name: 'Test User', permissions: ['search', 'retrieve'] };
    const order = { subject: username, facts, reason: 'test', actorId: 'cli' } as const;
    const { token, claims } = await dserver.mint(order);
    const verified = await dserver.verify(token);
    const minted = await dserver.ledger.find(claims.jti ?? '');
    // A test is over when it is over: nobody needs its token any longer.
    if (minted) await dserver.ledger.revoke({ id: minted.family.id }, 'cli');
    if (verified === undefined) throw new CliFault('Token verification failed!');
    cli.print({ token, valid: true, claims: verified.claims }, [
      '=== Generated JWT Token ===',
      token,
      '',
      '=== Token Verification ===',
      'Token is valid!',
      ...Object.entries(verified.claims).map(
        ([name, value]) => `  ${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`,
      ),
    ]);
  });
}
