/** A button and what opens under it. Escape and a click elsewhere close it; focus goes back to the button. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

interface Props {
  label: ComponentChildren;
  title?: string;
  class?: string;
  /** Whether it has to do with what is shown now. */
  isActive?: boolean;
  children: (close: () => void) => ComponentChildren;
}

export function Popover({ label, title, class: name, isActive, children }: Props) {
  const [isOpen, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const close = () => {
    setOpen(false);
    button.current?.focus();
  };
  useEffect(() => {
    if (!isOpen) return;
    const outside = (press: Event) => {
      if (!root.current?.contains(press.target as Node)) setOpen(false);
    };
    document.addEventListener("pointerdown", outside);
    document.addEventListener("focusin", outside);
    return () => {
      document.removeEventListener("pointerdown", outside);
      document.removeEventListener("focusin", outside);
    };
  }, [isOpen]);
  const onKeyDown = (key: KeyboardEvent) => {
    if (key.key === "Escape" && isOpen) {
      key.stopPropagation();
      close();
    }
  };
  return (
    <div class={`popover ${name ?? ""}`} ref={root} onKeyDown={onKeyDown}>
      <button
        type="button"
        ref={button}
        class={isActive ? "active" : ""}
        title={title}
        aria-expanded={isOpen}
        aria-haspopup="dialog"
        onClick={() => setOpen(!isOpen)}
      >
        {label} <span class="caret" aria-hidden="true">▾</span>
      </button>
      {isOpen && (
        <div class="popover-body" role="dialog" aria-label={title ?? (typeof label === "string" ? label : undefined)}>
          {children(close)}
        </div>
      )}
    </div>
  );
}
