/**
 * A name somebody else chose, made harmless for showing: nothing that turns text round, hides or
 * breaks lines, no towers of accents, and short. Names are checked when they are registered as well; this
 * holds for those that came another way.
 */
const HIDDEN =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]|\u034f|\u115f|\u1160|\u17b4|\u17b5|\u2800|\u3164|\uffa0/gu;
const TOWERS = /(\p{M}{2})\p{M}+/gu;
const MAX = 80;

export function displayText(text: string, fallback = ''): string {
  const plain = text.normalize('NFC').replace(HIDDEN, '').replace(TOWERS, '$1').replace(/\s+/gu, ' ').trim();
  const characters = [...plain];
  if (characters.length === 0) return fallback;
  return characters.length > MAX ? `${characters.slice(0, MAX - 1).join('')}…` : plain;
}
