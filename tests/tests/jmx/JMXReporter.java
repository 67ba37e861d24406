package org.apache.flink.metrics.jmx;

import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.management.MBeanServer;
import javax.management.ObjectName;

/** Serves beans as Flink's reporter would have them: one of each line of a file, with its name, its kind and its values. */
public class JMXReporter {
    public interface MetricMBean {}
    public interface JmxCounterMBean extends MetricMBean { long getCount(); }
    public interface JmxGaugeMBean extends MetricMBean { Object getValue(); }
    public interface JmxMeterMBean extends MetricMBean { long getCount(); double getRate(); }
    public interface JmxHistogramMBean extends MetricMBean {
        long getCount();
        long getMin();
        long getMax();
        double getMean();
        double getStdDev();
        double getMedian();
        double get75thPercentile();
        double get95thPercentile();
        double get98thPercentile();
        double get99thPercentile();
        double get999thPercentile();
    }

    static class Metric {
        final String[] values;
        Metric(String[] values) { this.values = values; }
        long integer(int at) { return Long.parseLong(values[at]); }
        double number(int at) { return Double.parseDouble(values[at]); }
    }

    static class JmxCounter extends Metric implements JmxCounterMBean {
        JmxCounter(String[] values) { super(values); }
        public long getCount() { return integer(0); }
    }

    static class JmxGauge extends Metric implements JmxGaugeMBean {
        JmxGauge(String[] values) { super(values); }
        public Object getValue() {
            switch (values[0]) {
                case "Long": return integer(1);
                case "Double": return number(1);
                case "Boolean": return Boolean.valueOf(values[1]);
                default: return values[1];
            }
        }
    }

    static class JmxMeter extends Metric implements JmxMeterMBean {
        JmxMeter(String[] values) { super(values); }
        public long getCount() { return integer(0); }
        public double getRate() { return number(1); }
    }

    static class JmxHistogram extends Metric implements JmxHistogramMBean {
        JmxHistogram(String[] values) { super(values); }
        public long getCount() { return integer(0); }
        public long getMin() { return integer(1); }
        public long getMax() { return integer(2); }
        public double getMean() { return number(3); }
        public double getStdDev() { return number(4); }
        public double getMedian() { return number(5); }
        public double get75thPercentile() { return number(6); }
        public double get95thPercentile() { return number(7); }
        public double get98thPercentile() { return number(8); }
        public double get99thPercentile() { return number(9); }
        public double get999thPercentile() { return number(10); }
    }

    static Object bean(String kind, String[] values) {
        switch (kind) {
            case "Counter": return new JmxCounter(values);
            case "Gauge": return new JmxGauge(values);
            case "Meter": return new JmxMeter(values);
            default: return new JmxHistogram(values);
        }
    }

    public static void main(String[] arguments) throws Exception {
        MBeanServer server = ManagementFactory.getPlatformMBeanServer();
        for (String line : Files.readAllLines(Path.of(arguments[0]))) {
            String[] fields = line.split("\t", -1);
            String[] values = java.util.Arrays.copyOfRange(fields, 2, fields.length);
            server.registerMBean(bean(fields[1], values), new ObjectName(fields[0]));
        }
        System.out.println("ready");
        Thread.sleep(Long.MAX_VALUE);
    }
}
