// What is counted, as rows with bars; a row leads to what it counts.
import type { ComponentChildren, JSX } from "preact";
import { Empty } from "../ui/basics";

const COUNT = new Intl.NumberFormat();

export interface Bar { key: string; label: ComponentChildren; count: number; href?: string; title?: string; isOn?: boolean; tone?: "accent" | "bad" | "warn" | "good" }

export function Bars({ bars, label, none }: { bars: Bar[]; label: string; none: string }): JSX.Element {
  if (bars.length === 0) return <Empty>{none}</Empty>;
  const most = Math.max(...bars.map(({ count }) => count), 1);
  return (
    <ul class="bars" aria-label={label}>
      {bars.map(({ key, label, count, href, title, isOn, tone = "bad" }) => {
        const inside = (
          <>
            <span class="bar-label">{label}</span>
            <span class="bar-count">{COUNT.format(count)}</span>
            <svg class="count-bar" width="100%" height="6" aria-hidden="true">
              <rect class="bar-rest" width="100%" height="6" rx="3" />
              <rect class={`bar-full tone-${tone}`} width={`${Math.max(0.6, count * 100 / most)}%`} height="6" rx="3" />
            </svg>
          </>
        );
        return (
          <li key={key}>
            {href ? <a class="bar-row" href={href} title={title} aria-current={isOn ? "true" : undefined}>{inside}</a>
              : <div class="bar-row" title={title}>{inside}</div>}
          </li>
        );
      })}
    </ul>
  );
}
