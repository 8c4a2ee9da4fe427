/** The role that may everything. */
export const ADMIN = 'admin';

/** What is wrong with the name of a role, or `undefined`. Names end up in tokens and command lines. */
export function roleFault(role: string): string | undefined {
  return /^[A-Za-z][A-Za-z0-9_.:-]{0,63}$/.test(role)
    ? undefined
    : 'A role is named with a letter and up to 63 more letters, digits or _ . : -';
}
