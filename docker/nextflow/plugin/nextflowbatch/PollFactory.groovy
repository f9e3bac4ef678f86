package nextflowbatch

import groovy.transform.CompileStatic
import groovy.util.logging.Slf4j
import nextflow.Session
import nextflow.trace.TraceObserverFactoryV2
import nextflow.trace.TraceObserverV2

/** Leaves the poll to Nextflow where anybody has set `executor.pollInterval`. */
@Slf4j
@CompileStatic
class PollFactory implements TraceObserverFactoryV2 {

    private static final String SETTING = 'pollInterval'

    @Override
    Collection<TraceObserverV2> create(Session session) {
        if( isSet(session) ) {
            log.debug "The states of tasks are asked for as $SETTING says"
            return []
        }
        log.debug 'The states of tasks are asked for by one call a second'
        return [new Poll() as TraceObserverV2]
    }

    private static boolean isSet(Session session) {
        final executor = (session.config.executor ?: [:]) as Map
        final ofBatch = (executor.get('$awsbatch') ?: [:]) as Map
        return executor.containsKey(SETTING) || ofBatch.containsKey(SETTING)
    }
}
