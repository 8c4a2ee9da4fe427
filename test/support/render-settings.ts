import { type Setting, settingRows } from '../../src/platform/config/settings.js';

const HEAD = `# Settings of Postern. None has to be set for a try on your own machine.
# Copy this file to .env and remove the # before what you change; the real environment wins over .env.
# A value that holds a # needs quotes. An empty value counts as unset. Every setting also exists as NAME_FILE, the path of a file that holds it.
`;

function envExampleRow(name: string, row: Setting): string {
  const notes = [row.help, row.otherwise && `Default: ${row.otherwise}.`];
  return `# ${notes.filter(Boolean).join(' ')}\n# ${name}=${row.standard ?? ''}\n`;
}

/** The text of `.env.example`. */
export function renderEnvExample(): string {
  let out = HEAD;
  let group = '';
  for (const [name, row] of settingRows()) {
    if (row.group !== group) out += `\n# ---- ${row.group} ----\n`;
    group = row.group;
    out += `\n${envExampleRow(name, row)}`;
  }
  return out;
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');

/** The settings table of the README. */
export function renderSettingsTable(): string {
  const lines = ['| setting | default | meaning |', '|---|---|---|'];
  for (const [name, row] of settingRows()) {
    const standard = row.standard === undefined ? (row.otherwise ?? '') : `\`${row.standard}\``;
    lines.push(`| \`${name}\` | ${standard} | ${cell(row.help)} |`);
  }
  return `${lines.join('\n')}\n`;
}
