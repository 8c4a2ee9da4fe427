/**
 * A brand's one colour made usable on light and on dark pages (WCAG 2.2: 1.4.3, 1.4.11). Buttons show it as
 * it is, with the text colour that can be read on it; where it stands as text or as an edge it is mixed with
 * black or white until it can be told from what is behind it.
 */
export interface Shades {
  /** The colour itself: buttons. */
  readonly accent: string;
  readonly onAccent: string;
  /** Under the pointer; further away from the text on it, so it stays readable. */
  readonly strong: string;
  /** As text: at least 4.5:1. */
  readonly text: string;
  /** Round a button that the page would swallow. */
  readonly edge: string;
}

export interface Accent {
  readonly light: Shades;
  readonly dark: Shades;
}

type Rgb = readonly [number, number, number];

const BLACK: Rgb = [0, 0, 0];
const WHITE: Rgb = [255, 255, 255];

/** What `style.css` puts behind text: surface, page and sunken boxes; a test holds the two together. */
export const BACKGROUNDS = {
  light: ['#ffffff', '#f5f5f1', '#f3f4f1'],
  dark: ['#171d20', '#0f1315', '#11171a'],
} as const;

const TEXT_RATIO = 4.5;
const EDGE_RATIO = 3;

function read(color: string): Rgb | undefined {
  const hex = /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(color)?.[1];
  if (hex === undefined) return undefined;
  const six = hex.length === 3 ? hex.replace(/./g, '$&$&') : hex;
  const part = (at: number) => Number.parseInt(six.slice(at, at + 2), 16);
  return [part(0), part(2), part(4)];
}

const write = (rgb: Rgb): string =>
  `#${rgb.map((part) => Math.round(part).toString(16).padStart(2, '0')).join('')}`;

const linear = (part: number): number => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);

function luminance(rgb: Rgb): number {
  const [r, g, b] = rgb.map((part) => linear(part / 255)) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function ratio(a: Rgb, b: Rgb): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

const mix = (from: Rgb, to: Rgb, share: number): Rgb =>
  from.map((part, at) => Math.round(part + ((to[at] ?? 0) - part) * share)) as unknown as Rgb;

/** As little of `towards` as makes the colour readable on all of `behind`. */
function readable(color: Rgb, towards: Rgb, behind: readonly Rgb[]): Rgb {
  for (let share = 0; share < 1; share += 0.02) {
    const candidate = mix(color, towards, share);
    if (behind.every((one) => ratio(candidate, one) >= TEXT_RATIO)) return candidate;
  }
  return towards;
}

function shades(color: Rgb, scheme: keyof typeof BACKGROUNDS): Shades {
  const behind = BACKGROUNDS[scheme].map((one) => read(one) ?? WHITE);
  // One of the two always reaches 4.5:1, since together they make 21:1.
  const on = ratio(color, WHITE) >= ratio(color, BLACK) ? WHITE : BLACK;
  const text = write(readable(color, scheme === 'light' ? BLACK : WHITE, behind));
  const seen = behind.every((one) => ratio(color, one) >= EDGE_RATIO);
  return {
    accent: write(color),
    onAccent: write(on),
    strong: write(mix(color, on === WHITE ? BLACK : WHITE, 0.18)),
    text,
    edge: seen ? 'transparent' : text,
  };
}

/** `undefined` where `color` is not written `#rgb` or `#rrggbb`: it goes into a style element. */
export function accentOf(color: string | undefined): Accent | undefined {
  const rgb = color === undefined ? undefined : read(color);
  return rgb && { light: shades(rgb, 'light'), dark: shades(rgb, 'dark') };
}

/** How well two colours can be told apart, 1 to 21. */
export function contrast(a: string, b: string): number {
  return ratio(read(a) ?? BLACK, read(b) ?? BLACK);
}
