// A line break here would begin a header of somebody else's choice; nodemailer folds it too, this refuses it.
const ADDRESS = /^[^\s\p{C}@<>(),;:"[\]\\]+@[^\s\p{C}@<>(),;:"[\]\\]+$/u;

/** Only the obvious: whether the address works is shown by a mail to it. */
export const isAddress = (text: string): boolean => ADDRESS.test(text);
