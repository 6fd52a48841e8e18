/** Only the rows in sight: @tanstack/virtual-core bound to a scroller. */
import {
  elementScroll,
  observeElementOffset,
  observeElementRect,
  type VirtualItem,
  Virtualizer,
} from "@tanstack/virtual-core";
import type { RefObject } from "preact";
import { useLayoutEffect, useReducer, useRef } from "preact/hooks";

interface Options {
  count: number;
  rowHeight: (index: number) => number;
  scroller: RefObject<HTMLElement | null>;
  /** Rows beyond the edges of what is seen. */
  overscan?: number;
}

export interface Virtual {
  rows: VirtualItem[];
  totalSize: number;
  scrollTo(index: number): void;
  /** Forgets the heights: `rowHeight` is asked again. */
  measure(): void;
}

export function useVirtual({ count, rowHeight, scroller, overscan = 10 }: Options): Virtual {
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  const held = useRef<Virtualizer<HTMLElement, Element> | null>(null);
  const options = {
    count,
    estimateSize: rowHeight,
    getScrollElement: () => scroller.current,
    overscan,
    scrollToFn: elementScroll,
    observeElementRect,
    observeElementOffset,
    onChange: () => redraw(0),
  };
  held.current ??= new Virtualizer<HTMLElement, Element>(options);
  const virtual = held.current;
  virtual.setOptions({ ...virtual.options, ...options });
  useLayoutEffect(() => virtual._didMount(), [virtual]);
  useLayoutEffect(() => virtual._willUpdate());
  return {
    rows: virtual.getVirtualItems(),
    totalSize: virtual.getTotalSize(),
    scrollTo: (index) => virtual.scrollToIndex(index, { align: "auto" }),
    measure: () => virtual.measure(),
  };
}
