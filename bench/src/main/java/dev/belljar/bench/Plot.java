package dev.belljar.bench;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * A growth as an SVG: a panel for each unit, one above the other, over the same logarithmic axis.
 * Its colours are those of the reader's light or dark scheme; curves differ by their dashes, too.
 */
final class Plot {
  private static final int WIDTH = 760;
  private static final int LEFT = 90;
  private static final int RIGHT = 30;
  private static final int TITLE = 44;
  private static final int LEGEND_LINE = 18;
  private static final int PANEL = 190;
  private static final int BELOW_PANEL = 40;
  private static final int BELOW_ALL = 24;
  private static final double MARK = 3;

  /** From here on an even axis would press all but the largest values to its foot. */
  private static final double WIDE = 20;

  private static final String STYLE =
      """
      <style>
        text { font: 13px system-ui, sans-serif; fill: #1f2328; }
        .title { font-size: 16px; font-weight: 600; }
        .paper { fill: #ffffff; }
        .grid { stroke: #d1d9e0; stroke-width: 1; }
        .axis { stroke: #59636e; stroke-width: 1; fill: none; }
        .line { fill: none; stroke-width: 2; }
        .c0 { stroke: #0969da; } .c1 { stroke: #bc4c00; stroke-dasharray: 7 3; }
        .c2 { stroke: #1a7f37; stroke-dasharray: 2 3; } .c3 { stroke: #8250df; stroke-dasharray: 9 3 2 3; }
        .mark { stroke-dasharray: none; fill: #ffffff; stroke-width: 2; }
        @media (prefers-color-scheme: dark) {
          text { fill: #e6edf3; }
          .paper, .mark { fill: #0d1117; }
          .grid { stroke: #30363d; }
          .axis { stroke: #9198a1; }
          .c0 { stroke: #58a6ff; } .c1 { stroke: #f0883e; }
          .c2 { stroke: #3fb950; } .c3 { stroke: #bc8cff; }
        }
      </style>
      """;

  private final Growth growth;
  private final StringBuilder svg = new StringBuilder();

  Plot(Growth growth) {
    this.growth = growth;
  }

  /** The file's content. */
  String svg() {
    Map<Unit, List<Curve>> panels = new LinkedHashMap<>();
    growth
        .curves()
        .forEach(curve -> panels.computeIfAbsent(curve.unit(), u -> new ArrayList<>()).add(curve));
    int height = TITLE + BELOW_ALL;
    for (List<Curve> curves : panels.values()) {
      height += curves.size() * LEGEND_LINE + PANEL + BELOW_PANEL;
    }
    svg.setLength(0);
    put(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\""
            + " role=\"img\">%n",
        WIDTH, height, WIDTH, height);
    put("<title>%s</title>%n", escaped(growth.title()));
    svg.append(STYLE);
    put("<rect class=\"paper\" width=\"%d\" height=\"%d\"/>%n", WIDTH, height);
    put("<text class=\"title\" x=\"%d\" y=\"26\">%s</text>%n", LEFT, escaped(growth.title()));
    int top = TITLE;
    for (Map.Entry<Unit, List<Curve>> panel : panels.entrySet()) {
      top = panel(panel.getKey(), panel.getValue(), top);
    }
    put(
        "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s (logarithmic)</text>%n",
        (LEFT + WIDTH - RIGHT) / 2, height - 12, escaped(growth.of()));
    return svg.append("</svg>\n").toString();
  }

  /** Draws one, and gives where the next begins. */
  private int panel(Unit unit, List<Curve> curves, int from) {
    int top = from;
    for (int i = 0; i < curves.size(); i++) {
      put(
          "<line class=\"line c%d\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/>%n",
          i, LEFT, top + 8, LEFT + 30, top + 8);
      put(
          "<text x=\"%d\" y=\"%d\">%s</text>%n",
          LEFT + 38, top + 13, escaped(curves.get(i).what()));
      top += LEGEND_LINE;
    }
    top += 6;
    int foot = top + PANEL - 12;
    Axis axis = Axis.of(curves);
    for (double tick : axis.ticks()) {
      double y = y(axis, tick, top, foot);
      put(
          "<line class=\"grid\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>%n",
          LEFT, y, WIDTH - RIGHT, y);
      put(
          "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>%n",
          LEFT - 8, y + 4, escaped(MarkdownReport.figure(tick, unit)));
    }
    put("<path class=\"axis\" d=\"M%d %d V%d H%d\"/>%n", LEFT, top, foot, WIDTH - RIGHT);
    for (long step : growth.steps()) {
      put(
          "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>%n",
          x(step), foot + 18, growth.label(step));
    }
    for (int i = 0; i < curves.size(); i++) {
      curve(curves.get(i), i, axis, top, foot);
    }
    return from + curves.size() * LEGEND_LINE + PANEL + BELOW_PANEL;
  }

  private void curve(Curve curve, int number, Axis axis, int top, int foot) {
    StringBuilder points = new StringBuilder();
    StringBuilder marks = new StringBuilder();
    for (int i = 0; i < growth.steps().size(); i++) {
      double x = x(growth.steps().get(i));
      double y = y(axis, curve.values().get(i), top, foot);
      points.append(String.format(Locale.ROOT, "%.1f,%.1f ", x, y));
      marks.append(
          String.format(
              Locale.ROOT,
              "<circle class=\"c%d mark\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.0f\"/>%n",
              number,
              x,
              y,
              MARK));
    }
    put("<polyline class=\"line c%d\" points=\"%s\"/>%n", number, points.toString().strip());
    svg.append(marks);
  }

  private double x(long step) {
    double first = Math.log((double) growth.steps().getFirst());
    double last = Math.log((double) growth.steps().getLast());
    double part = last == first ? 0.5 : (Math.log((double) step) - first) / (last - first);
    // A margin, so that the first and the last mark are not on the edges.
    return LEFT + 20 + part * (WIDTH - LEFT - RIGHT - 40);
  }

  private static double y(Axis axis, double value, int top, int foot) {
    return foot - axis.part(value) * (foot - top);
  }

  @SuppressWarnings("AnnotateFormatMethod") // its annotations are no dependency of ours
  private void put(String form, Object... values) {
    svg.append(String.format(Locale.ROOT, form, values));
  }

  private static String escaped(String text) {
    return text.replace("`", "").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
  }

  /**
   * The upright axis of a panel.
   *
   * @param low at its foot
   * @param high at its top
   * @param logarithmic or even
   * @param ticks from low to high
   */
  private record Axis(double low, double high, boolean logarithmic, List<Double> ticks) {

    static Axis of(List<Curve> curves) {
      double least = Double.MAX_VALUE;
      double most = 0;
      for (Curve curve : curves) {
        for (double value : curve.values()) {
          least = Math.min(least, value);
          most = Math.max(most, value);
        }
      }
      return least > 0 && most / least > WIDE ? logarithmic(least, most) : even(most);
    }

    private static Axis logarithmic(double least, double most) {
      List<Double> ticks = new ArrayList<>();
      double tick = Math.pow(10, Math.floor(Math.log10(least)));
      ticks.add(tick);
      while (tick < most) {
        tick *= 10;
        ticks.add(tick);
      }
      return new Axis(ticks.getFirst(), ticks.getLast(), true, ticks);
    }

    private static Axis even(double most) {
      double rough = Math.max(most, 1e-3) / 4;
      double power = Math.pow(10, Math.floor(Math.log10(rough)));
      double step = power * (rough / power > 5 ? 10 : rough / power > 2 ? 5 : 2);
      List<Double> ticks = new ArrayList<>();
      int count = (int) Math.ceil(Math.max(most, 1e-3) / step);
      for (int i = 0; i <= count; i++) {
        ticks.add(i * step);
      }
      return new Axis(0, ticks.getLast(), false, ticks);
    }

    /** Where between the foot (0) and the top (1) a value is. */
    double part(double value) {
      return logarithmic
          ? (Math.log(value) - Math.log(low)) / (Math.log(high) - Math.log(low))
          : (value - low) / (high - low);
    }
  }
}
