/** What is in a file that a person has written, or why that cannot be had. */
export type TextFile =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly why: string };
