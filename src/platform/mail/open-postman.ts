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

export function openPostman(deps: {
  config: Config;
  viewsDirs: readonly string[];
  log: Logger;
  undelivered: (mail: Undelivered) => Promise<unknown>;
}): Postman {
  const { config, viewsDirs, log, undelivered } = deps;
  const sender = { name: config.brand.name, issuer: config.issuer };
  return createPostman({
    transport: transportOf(config),
    renderMail: createRenderMail({ viewsDirs, sender }),
    log,
    undelivered,
    pause: (ms) => pause(ms, undefined, { ref: false }),
  });
}
