// A contract's own text: CommonMark in AsyncAPI, of which paragraphs, lists, code and emphasis
// are shown; all else stays as it was typed. Nothing of it becomes HTML.
import type { JSX } from "preact";

const INLINE = /(`[^`]+`|\*\*[^*]+\*\*|\[[^\]]+\]\(https?:\/\/[^\s)]+\))/;

function Inline({ text }: { text: string }): JSX.Element {
  return (
    <>
      {text.split(INLINE).map((part, i) => {
        if (/^`.+`$/s.test(part)) return <code key={i}>{part.slice(1, -1)}</code>;
        if (/^\*\*.+\*\*$/s.test(part)) return <b key={i}>{part.slice(2, -2)}</b>;
        const link = /^\[(.+)\]\((https?:.+)\)$/s.exec(part);
        if (link) return <a key={i} href={link[2]} rel="noopener noreferrer" target="_blank">{link[1]}</a>;
        return part;
      })}
    </>
  );
}

export function Fold({ text }: { text: string }): JSX.Element {
  return (
    <>
      {text.trim().split(/\n\s*\n/).map((block, i) => {
        const fenced = /^```[^\n]*\n([\s\S]*?)\n?```$/.exec(block);
        if (fenced) return <pre key={i} tabIndex={0}>{fenced[1]}</pre>;
        const lines = block.split("\n");
        if (lines.every((line) => /^\s*[-*] /.test(line)))
          return <ul key={i}>{lines.map((line, k) => <li key={k}><Inline text={line.replace(/^\s*[-*] /, "")} /></li>)}</ul>;
        const heading = /^#{1,6} +(.*)$/.exec(lines[0]);
        if (heading) return <p key={i}><b><Inline text={heading[1]} /></b><br /><Inline text={lines.slice(1).join("\n")} /></p>;
        return <p key={i}><Inline text={block} /></p>;
      })}
    </>
  );
}
