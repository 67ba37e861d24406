import java.util.Map;
import java.util.TreeMap;
import javax.management.MBeanServerConnection;
import javax.management.ObjectName;
import javax.management.remote.JMXConnector;
import javax.management.remote.JMXConnectorFactory;
import javax.management.remote.JMXServiceURL;

/** Adds up a counter of operators over some servers: its name, then their URLs. Says each operator, a tab and the sum. */
public class Records {
    public static void main(String[] arguments) throws Exception {
        ObjectName counters = new ObjectName("flowmeter:type=taskmanager.job.task.operator,name=" + arguments[0] + ",*");
        Map<String, Long> sums = new TreeMap<>();
        for (int i = 1; i < arguments.length; i++) {
            try (JMXConnector connector = JMXConnectorFactory.connect(new JMXServiceURL(arguments[i]))) {
                MBeanServerConnection server = connector.getMBeanServerConnection();
                for (ObjectName name : server.queryNames(counters, null)) {
                    String operator = name.getKeyProperty("operator_name");
                    if (operator.startsWith("\"")) operator = ObjectName.unquote(operator);
                    sums.merge(operator, (Long) server.getAttribute(name, "Count"), Long::sum);
                }
            }
        }
        sums.forEach((operator, sum) -> System.out.println(operator + "\t" + sum));
    }
}
