// Light or dark: the system's, until the reader picks one.
import { effect, signal } from "@preact/signals";

const KEY = "petstore-console-theme";
const system = matchMedia("(prefers-color-scheme: dark)");

function kept(): "light" | "dark" | null {
  try {
    const value = localStorage.getItem(KEY);
    return value === "light" || value === "dark" ? value : null;
  } catch {
    return null;
  }
}

export const theme = signal<"light" | "dark">(kept() ?? (system.matches ? "dark" : "light"));
system.addEventListener("change", () => {
  if (!kept()) theme.value = system.matches ? "dark" : "light";
});

effect(() => {
  document.documentElement.dataset.theme = theme.value;
});

export function toggleTheme(): void {
  theme.value = theme.value === "dark" ? "light" : "dark";
  try {
    localStorage.setItem(KEY, theme.value);
  } catch {
    // Storage is off: it lasts as long as the page.
  }
}
