/** The ratios as bars: a picture for the README that follows the reader's light or dark theme. */
const SHOWN = ['postern', 'postern-pg', 'naive'];
const COLOURS = { postern: '#2563eb', 'postern-pg': '#0d9488', naive: '#a16207' };

const LEFT = 250;
const WIDTH = 860;
const BAR = 11;
const GAP = 16;
const TOP = 64;

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

export function drawPlot({ rows, targets }) {
  const shown = targets.filter(({ id }) => SHOWN.includes(id));
  const drawn = rows.filter(({ byTarget }) =>
    byTarget.some(({ target, ratio }) => SHOWN.includes(target) && ratio),
  );
  const ratios = drawn.flatMap(({ byTarget }) =>
    byTarget.flatMap(({ target, ratio }) => (SHOWN.includes(target) ? (ratio ?? 0) : [])),
  );
  const most = Math.min(6, Math.max(1.5, Math.ceil(Math.max(...ratios, 1) * 2) / 2));
  const x = (ratio) => LEFT + (Math.min(ratio, most) / most) * (WIDTH - LEFT - 60);
  let y = TOP;
  const parts = drawn.flatMap(({ title, byTarget }) => {
    const bars = shown.flatMap(({ id }) => {
      const found = byTarget.find(({ target }) => target === id);
      if (found?.ratio === undefined) return [];
      const bar =
        `<rect x="${LEFT}" y="${y}" width="${(x(found.ratio) - LEFT).toFixed(1)}" height="${BAR}" rx="2" fill="${COLOURS[id]}"/>` +
        `<text x="${(x(found.ratio) + 5).toFixed(1)}" y="${y + BAR - 1.5}" class="n">${found.ratio.toFixed(2)}</text>`;
      y += BAR + 2;
      return [bar];
    });
    const label = `<text x="${LEFT - 10}" y="${y - (bars.length * (BAR + 2)) / 2 + 3}" text-anchor="end">${escaped(title)}</text>`;
    y += GAP;
    return [...bars, label];
  });
  const keys = shown.map(
    ({ id, label }, index) =>
      `<rect x="${LEFT + index * 195}" y="34" width="${BAR}" height="${BAR}" rx="2" fill="${COLOURS[id]}"/>` +
      `<text x="${LEFT + index * 195 + 17}" y="44" class="n">${escaped(label)}</text>`,
  );
  const one = x(1).toFixed(1);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y + 8}" width="${WIDTH}" height="${y + 8}" role="img" aria-labelledby="title">
<title id="title">CPU per request against oidc-provider in memory; less is better</title>
<style>text{font:13px system-ui,sans-serif;fill:#1f2937}.n{font-size:11px}.h{font-weight:600}line{stroke:#6b7280}@media(prefers-color-scheme:dark){text{fill:#e5e7eb}line{stroke:#9ca3af}}</style>
<text x="${LEFT}" y="20" class="h">CPU per request; 1 = oidc-provider in memory; less is better</text>
${keys.join('\n')}
${parts.join('\n')}
<line x1="${one}" x2="${one}" y1="${TOP - 8}" y2="${y - GAP + 6}" stroke-dasharray="4 3"/>
</svg>
`;
}
