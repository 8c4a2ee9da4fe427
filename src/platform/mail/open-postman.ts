import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Config } from '../config/config.js';
import type { Logger } from '../observe/logger.js';
import { createPostman, type Postman, type Undelivered } from './postman.js';
import { createRenderMail } from './render-mail.js';
import { createOutbox, createSmtpTransport, type MailTransport } from './transport.js';

/** Beside the database: `data/outbox`, unless that lies elsewhere. */
function outboxFolder({ file }: Config['database']): string {
  return join(file === undefined || file === ':memory:' ? 'data' : dirname(file), 'outbox');
}

/** A server where one is named; a folder in development; in production nothing pretends to be sent. */
function transportOf({ mail, production, database }: Config): MailTransport | undefined {
  if (mail.smtpUrl !== undefined) return createSmtpTransport({ url: mail.smtpUrl, from: mail.from });
  return production ? undefined : createOutbox(outboxFolder(database), mail.from);
}

/** What a mail that was given up is told to: `platform/audit`. */
interface Trail {
  record(
    event: Omit<Undelivered, 'mail' | 'attempts' | 'reason'> & {
      readonly event: string;
      readonly outcome: 'failure';
      readonly detail: Pick<Undelivered, 'mail' | 'attempts' | 'reason'>;
    },
  ): Promise<void>;
}

export function openPostman(deps: {
  config: Config;
  viewsDirs: readonly string[];
  log: Logger;
  audit: Trail;
}): Postman {
  const { config, viewsDirs, log, audit } = deps;
  const undelivered = ({ mail, attempts, reason, ...about }: Undelivered) =>
    audit.record({
      event: 'mail.not_sent',
      outcome: 'failure',
      ...about,
      detail: { mail, attempts, reason },
    });
  const sender = { name: config.brand.name, issuer: config.issuer };
  return createPostman({
    transport: transportOf(config),
    renderMail: createRenderMail({ viewsDirs, sender }),
    log,
    undelivered,
    pause: (ms, held) => pause(ms, undefined, { ref: held }),
  });
}
