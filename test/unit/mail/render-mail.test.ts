import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { MAIL_SUBJECTS, type MailName } from '../../../src/platform/mail/mails.js';
import { createRenderMail } from '../../../src/platform/mail/render-mail.js';

const VIEWS = fileURLToPath(new URL('../../../views', import.meta.url));
const HOSTILE = '"><script>alert(1)</script>\'&\r\nBcc: victim@example.org\u202e';
const LINK = 'https://id.example.org/reset-password?token=abc';

const names = Object.keys(MAIL_SUBJECTS) as MailName[];
const model = { link: LINK, validFor: HOSTILE, username: HOSTILE };

describe.each(names)('%s', (name) => {
  const render = createRenderMail({
    viewsDirs: [VIEWS],
    sender: { name: HOSTILE, issuer: 'https://id.example.org' },
  });
  const mail = render(name, 'a@example.org', model);

  test('lets no hostile text become markup, a header or a line of its own', () => {
    expect(mail.html).not.toContain('<script>');
    expect(mail.html).not.toMatch(/="[^"]*<script/);
    expect(mail.html).toContain('&lt;script&gt;');
    expect(mail.subject).not.toMatch(/[\r\n\u202e]/);
    expect(mail.text).not.toMatch(/^Bcc/m);
    expect(mail.text).not.toContain('\u202e');
  });

  test('says the same in both parts: the link as it is, one address, nothing from outside', () => {
    expect(mail.text).toContain(`\n${LINK}\n`);
    expect(mail.html).toContain(`href="${LINK}"`);
    expect(mail.html).not.toMatch(/<(img|script|link|iframe|style)\b|@import|url\(/);
    for (const [, address] of mail.html.matchAll(/(?:href|src)="([^"]+)"/g)) expect(address).toBe(LINK);
    expect(mail.html).toContain('<html lang="en">');
    expect(mail.html.match(/<h1/g)).toHaveLength(1);
  });
});

test('VIEWS_DIR replaces one part of one mail, and nothing else', () => {
  const dir = mkdtempSync(join(tmpdir(), 'postern-views-'));
  mkdirSync(join(dir, 'mail'));
  writeFileSync(join(dir, 'mail/invitation.text.ejs'), 'Come in: <%= mail.link %>');
  const render = createRenderMail({ viewsDirs: [VIEWS, dir], sender: { name: 'P', issuer: 'x' } });
  const ours = render('invitation', 'a@example.org', model);
  expect(ours.text).toBe(`Come in: ${LINK}`);
  expect(ours.html).toContain('Make an account');
  expect(render('verify-email', 'a@example.org', model).text).toContain('Confirm your e-mail address');
});

test('no mail to an unproven address says what its asker could choose', () => {
  for (const file of readdirSync(join(VIEWS, 'mail'))) {
    if (!/^(verify-email|change-email|invitation)\./.test(file)) continue;
    expect(readFileSync(join(VIEWS, 'mail', file), 'utf8')).not.toContain('username');
  }
});
