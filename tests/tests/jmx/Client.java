import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import javax.management.Attribute;
import javax.management.AttributeList;
import javax.management.MBeanAttributeInfo;
import javax.management.MBeanInfo;
import javax.management.MBeanServerConnection;
import javax.management.MBeanServerDelegate;
import javax.management.NotificationListener;
import javax.management.ObjectName;
import javax.management.remote.JMXConnector;
import javax.management.remote.JMXConnectorFactory;
import javax.management.remote.JMXServiceURL;
import javax.rmi.ssl.SslRMIClientSocketFactory;

/** Asks for all that a client can, and says what it gets: URL, then user and password if there are any. */
public class Client {
    interface Step { Object run() throws Exception; }

    static void step(String name, Step step) {
        try {
            System.out.println("## " + name + " " + step.run());
        } catch (Exception e) {
            Throwable cause = e.getCause();
            System.out.println("## " + name + " fails: " + e + (cause == null ? "" : " by " + cause));
        }
    }

    public static void main(String[] arguments) throws Exception {
        Map<String, Object> environment = new HashMap<>();
        if (arguments.length > 2) {
            environment.put(JMXConnector.CREDENTIALS, new String[] {arguments[1], arguments[2]});
        }
        if (System.getProperty("javax.net.ssl.trustStore") != null) {
            environment.put("com.sun.jndi.rmi.factory.socket", new SslRMIClientSocketFactory());
        }
        JMXConnector connector;
        try {
            connector = JMXConnectorFactory.connect(new JMXServiceURL(arguments[0]), environment);
        } catch (Exception e) {
            System.out.println("## connect fails: " + e);
            return;
        }
        MBeanServerConnection server = connector.getMBeanServerConnection();
        step("id", () -> connector.getConnectionId());
        step("defaultDomain", () -> server.getDefaultDomain());
        step("count", () -> server.getMBeanCount() > 0);
        step("domains", () -> Arrays.stream(server.getDomains()).filter(d -> d.startsWith("org.")).sorted().toList());
        Set<ObjectName> names = server.queryNames(new ObjectName("org.apache.flink.*:*"), null);
        step("names", () -> new TreeSet<>(names));
        for (ObjectName name : new TreeSet<>(names)) {
            step("isRegistered", () -> server.isRegistered(name));
            MBeanInfo info = server.getMBeanInfo(name);
            List<String> attributes = new ArrayList<>();
            // The order is that of methods in a class file, as the virtual machine happens to have them.
            for (MBeanAttributeInfo attribute : info.getAttributes()) attributes.add(attribute.getName());
            attributes.sort(null);
            step("info", () -> info.getClassName() + " " + info.getDescription() + " " + info.getDescriptor()
                + Arrays.toString(info.getConstructors()) + Arrays.toString(info.getOperations())
                + Arrays.toString(info.getNotifications()));
            for (MBeanAttributeInfo attribute
                    : Arrays.stream(info.getAttributes()).sorted((a, b) -> a.getName().compareTo(b.getName())).toList()) {
                step("attribute", () -> attribute);
                step("getAttribute", () -> {
                    Object value = server.getAttribute(name, attribute.getName());
                    return value == null ? null : value.getClass() + " " + value;
                });
            }
            attributes.add("Nope");
            step("getAttributes", () -> server.getAttributes(name, attributes.toArray(new String[0])));
            step("instance", () -> server.getObjectInstance(name));
            for (String type : List.of("java.lang.Object", info.getClassName(), info.getClassName() + "MBean", "java.util.List")) {
                step("isInstanceOf " + type, () -> server.isInstanceOf(name, type));
            }
            step("getAttribute Nope", () -> server.getAttribute(name, "Nope"));
            step("setAttribute", () -> { server.setAttribute(name, new Attribute(attributes.get(0), 1L)); return null; });
            step("setAttribute Nope", () -> { server.setAttribute(name, new Attribute("Nope", "x")); return null; });
            step("setAttributes", () -> server.setAttributes(name,
                new AttributeList(List.of(new Attribute(attributes.get(0), 1L)))));
            step("invoke", () -> server.invoke(name, "foo", new Object[0], new String[0]));
            step("invoke with", () -> server.invoke(name, "foo", new Object[] {1}, new String[] {"int"}));
            step("listen", () -> { server.addNotificationListener(name, (n, h) -> {}, null, null); return null; });
        }
        for (String pattern : List.of("org.apache.flink.jobmanager*:*", "*:host=local*,*", "*:host=localhost", "org.apache.flink.*:job_name=*,host=?ocalhost,*",
                "no:such=bean", "org.apache.flink.taskmanager.Status.gaugeLong:host=localhost,tm_id=tm-1", "org.*:tm_id=tm-1,host=localhost")) {
            step("queryNames " + pattern, () -> new TreeSet<>(server.queryNames(new ObjectName(pattern), null)));
            step("queryMBeans " + pattern, () -> server.queryMBeans(new ObjectName(pattern), null).stream()
                .map(Object::toString).sorted().toList());
        }
        ObjectName none = new ObjectName("no:such=bean");
        step("no getAttribute", () -> server.getAttribute(none, "X"));
        step("no getAttributes", () -> server.getAttributes(none, new String[] {"X"}));
        step("no setAttribute", () -> { server.setAttribute(none, new Attribute("X", 1)); return null; });
        step("no getMBeanInfo", () -> server.getMBeanInfo(none));
        step("no getObjectInstance", () -> server.getObjectInstance(none));
        step("no isInstanceOf", () -> server.isInstanceOf(none, "java.lang.Object"));
        step("no isRegistered", () -> server.isRegistered(none));
        step("no invoke", () -> server.invoke(none, "foo", new Object[0], new String[0]));
        step("no listen", () -> { server.addNotificationListener(none, (n, h) -> {}, null, null); return null; });
        NotificationListener listener = (n, h) -> System.out.println("notification " + n);
        step("listen", () -> {
            server.addNotificationListener(MBeanServerDelegate.DELEGATE_NAME, listener, null, null);
            return null;
        });
        Thread.sleep(Integer.getInteger("listen", 500));
        step("no longer", () -> { server.removeNotificationListener(MBeanServerDelegate.DELEGATE_NAME, listener); return null; });
        connector.close();
        System.out.println("## closed");
    }
}
