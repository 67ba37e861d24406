import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.ArrayList;
import java.util.List;
import javax.management.Attribute;
import javax.management.AttributeNotFoundException;
import javax.management.MBeanServerConnection;
import javax.management.ObjectName;
import javax.management.remote.JMXConnector;
import javax.management.remote.JMXConnectorFactory;
import javax.management.remote.JMXServiceURL;

/**
 * Has many connectors ask at once for counters that do not change: URL, how many, for how many seconds. Every other one connects again all the time,
 * and every third goes without a word. Says how many answers there were; fails at the first wrong one.
 */
public class Connectors {
    static final String COUNTERS = "flowmeter:type=taskmanager.job.task.operator,name=numRecords*,*";

    public static void main(String[] arguments) throws Exception {
        JMXServiceURL url = new JMXServiceURL(arguments[0]);
        int connectors = Integer.parseInt(arguments[1]);
        long end = System.nanoTime() + Long.parseLong(arguments[2]) * 1_000_000_000L;
        Map<ObjectName, Object> expected;
        try (JMXConnector connector = JMXConnectorFactory.connect(url)) {
            expected = read(connector.getMBeanServerConnection());
        }
        if (expected.isEmpty()) throw new AssertionError("there are no counters");
        ExecutorService threads = Executors.newFixedThreadPool(connectors);
        List<Future<Long>> all = new ArrayList<>();
        for (int i = 0; i < connectors; i++) {
            int number = i;
            all.add(threads.submit(() -> ask(url, number, end, expected)));
        }
        long answers = 0;
        for (Future<Long> one : all) answers += one.get();
        System.out.println(answers);
        // Without the farewell of those that are still connected.
        Runtime.getRuntime().halt(0);
    }

    static long ask(JMXServiceURL url, int number, long end, Map<ObjectName, Object> expected) throws Exception {
        long answers = 0;
        JMXConnector connector = JMXConnectorFactory.connect(url);
        while (System.nanoTime() < end) {
            if (number % 2 == 0) {
                connector.close();
                connector = JMXConnectorFactory.connect(url);
            }
            MBeanServerConnection server = connector.getMBeanServerConnection();
            Map<ObjectName, Object> read = read(server);
            if (!read.equals(expected)) throw new AssertionError(read + " instead of " + expected);
            ObjectName one = expected.keySet().iterator().next();
            Object several = server.getAttributes(one, new String[] {"Nope", "Count"});
            if (!several.equals(List.of(new Attribute("Count", expected.get(one))))) throw new AssertionError(several);
            try {
                throw new AssertionError(server.getAttribute(one, "Nope"));
            } catch (AttributeNotFoundException right) {
                answers += read.size() + 2;
            }
        }
        if (number % 3 != 0) connector.close();
        return answers;
    }

    static Map<ObjectName, Object> read(MBeanServerConnection server) throws Exception {
        Map<ObjectName, Object> values = new HashMap<>();
        Set<ObjectName> names = server.queryNames(new ObjectName(COUNTERS), null);
        for (ObjectName name : names) values.put(name, server.getAttribute(name, "Count"));
        return values;
    }
}
