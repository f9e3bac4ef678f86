package nextflowbatch

/** What a job definition says, so that a registered one can be compared with a request. */
class Definition {

    /** What only one of the two has. Nextflow's own tags tell when, and by which version. */
    private static final Set<String> APART = [
        'containerOrchestrationType', 'jobDefinitionArn', 'revision', 'status', 'tags',
    ]
    /** EC2 is what Batch takes, if nothing else is said. */
    private static final Map<String, Object> DEFAULTS = [platformCapabilities: ['EC2'] as Set]

    /**
     * @param pojo The SDK's request or answer.
     * @return Its members by name, without those that are empty or false.
     */
    static Map<String, Object> of(Object pojo) {
        return plain(pojo).findAll { name, value -> !(name in APART) && DEFAULTS[name] != value }
    }

    private static Object plain(Object value) {
        if( value instanceof Map )
            return filled(value)
        if( value instanceof Collection )
            return value.collect { plain(it) }.toSet()
        // https://sdk.amazonaws.com/java/api/latest/software/amazon/awssdk/core/SdkPojo.html
        if( value?.metaClass?.respondsTo(value, 'sdkFields') )
            return filled(value.sdkFields().collectEntries { [it.memberName(), it.getValueOrDefault(value)] })
        return value instanceof Boolean ? value : value?.toString()
    }

    private static Map filled(Map members) {
        return members.collectEntries { name, value -> [name, plain(value)] }.findAll { it.value }
    }
}
