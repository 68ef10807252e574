// Characters that show nothing, or turn round what stands beside them, are shown by their numbers:
// a topic with U+202E in it would else read as another one. All text of the page goes through here.
import { options, type VNode } from "preact";

// Control characters but tab and line ends; soft hyphen, zero-width, and those that say in which
// direction text runs; what tags are made of. A joiner behind a letter beyond ASCII belongs to it
// (Persian, emoji).
const HIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb]|[\u{e0000}-\u{e0fff}]|(?<![^\u0000-\u007f])[\u200c\u200d]/gu;

const number = (char: string): string => `⟨U+${char.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}⟩`;

export const visible = (text: string): string => text.replace(HIDDEN, number);

const ATTRIBUTES = ["title", "aria-label"];

/** From now on, of all that is drawn: text, and what is said or shown for it. What is copied, typed or linked stays as it is. */
export function showHidden(): void {
  const before = options.vnode;
  options.vnode = (vnode: VNode) => {
    if (vnode.type === null) {
      if (typeof vnode.props === "string") (vnode as { props: unknown }).props = visible(vnode.props);
    } else if (typeof vnode.type === "string") {
      const props = vnode.props as Record<string, unknown>;
      for (const name of ATTRIBUTES) if (typeof props[name] === "string") props[name] = visible(props[name]);
    }
    before?.(vnode);
  };
}
